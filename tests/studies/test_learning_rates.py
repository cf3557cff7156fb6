from studies.learning_rates import RATES, best_rates, rows


def test_the_highest_dice_wins() -> None:
    measured = [
        {"network": network, "rate": rate, "dice": dice}
        for network, dices in (("unet", (0.1, 0.4, 0.2)), ("vnet", (0.5, 0.1, 0.3)))
        for rate, dice in zip(RATES, dices, strict=True)
    ]
    assert best_rates(measured) == {"unet": RATES[1], "vnet": RATES[0]}


def test_every_network_is_searched_once_with_its_loss_of_table_1() -> None:
    found = rows()
    assert [row.network for row in found.values()] == list(found)
    assert found["amcnet"].name == "amcnet-ac"
    assert "resenc" in found
