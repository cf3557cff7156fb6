from dataclasses import replace

from amcnet.paper_tables.claims import anatomy_claim, claims_text, fusion_claim, order_claim
from amcnet.paper_tables.rows import paper_tables

from .made_rows import as_in_the_paper, made_result

TABLES = tuple(paper_tables().tables[name] for name in ("table1", "table2"))


def rows(**dsc: float):
    """Return rows with these DSC; F1 is the same everywhere."""
    named = {name.replace("_", "-"): value for name, value in dsc.items()}
    return {row: made_result(row, {"dsc": value, "f1": 0.6}) for row, value in named.items()}


def test_fusion_is_compared_with_the_better_branch() -> None:
    text = fusion_claim(rows(amcnet_2d=0.70, amcnet_3d=0.75, amcnet=0.80))
    assert (
        "DSC differs by +0.050 (+0.050 to +0.050) from the better single branch (3D): better"
        in text
    )
    assert "F1 differs by +0.000" in text
    assert "no difference that the cases confirm" in text
    worse = fusion_claim(rows(amcnet_2d_ac=0.75, amcnet_3d_ac=0.70, amcnet_ac=0.70))
    assert "With Dice + 0.5 AC, DSC differs by -0.050 (-0.050 to -0.050) from the better" in worse
    assert "(2D): worse" in worse
    assert fusion_claim(rows(amcnet_2d=0.7, amcnet=0.8)) == ""


def test_the_constraint_is_compared_with_cross_entropy() -> None:
    text = anatomy_claim(rows(amcnet=0.78, amcnet_ac=0.80, amcnet_cross_entropy=0.81))
    assert "DSC differs by +0.020 (+0.020 to +0.020) from Dice alone: better" in text
    assert "-0.010 (-0.010 to -0.010) from Dice with cross-entropy" in text
    assert "Dice would be 0.500 instead of 0.800" in text
    assert anatomy_claim(rows(amcnet=0.78)) == ""


def test_reversed_pairs_and_unfinished_curves_are_named() -> None:
    results = as_in_the_paper("table1")
    assert "20 of 20 pairs have the paper's order of DSC." in order_claim(TABLES[:1], results)
    results["swinunet"] = made_result("swinunet", {"dsc": 0.99}, seed=3)
    rising = [{"step": 200.0 * n, "dice": 0.04 * n} for n in range(1, 20)]
    flat = [{"step": 200.0 * n, "dice": 0.5} for n in range(1, 20)]
    for name, curve in (("unet", rising), ("vnet", flat)):
        facts = results[name].facts.model_copy(update={"curve": curve})
        results[name] = replace(results[name], facts=facts)
    text = order_claim(TABLES[:1], results)
    assert "SwinUNet before AMCNet + AC (ours)" in text
    assert "The curves of unet were not flat" in text


def test_nothing_is_claimed_without_results() -> None:
    assert claims_text(TABLES, {}) == ""
    assert claims_text(TABLES, as_in_the_paper("table2")).count("**") == 6
