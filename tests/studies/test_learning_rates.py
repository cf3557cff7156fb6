from studies.learning_rates import RATES, best_rates, rows


def test_the_lowest_loss_wins() -> None:
    measured = [
        {"network": network, "rate": rate, "loss": loss}
        for network, losses in (("unet", (1.9, 1.4, 1.8)), ("vnet", (1.5, 1.9, 1.7)))
        for rate, loss in zip(RATES, losses, strict=True)
    ]
    assert best_rates(measured) == {"unet": RATES[1], "vnet": RATES[0]}


def test_every_network_is_searched_once_with_its_loss_of_table_1() -> None:
    found = rows()
    assert [row.network for row in found.values()] == list(found)
    assert found["amcnet"].name == "amcnet-ac"
    assert "resenc" in found
