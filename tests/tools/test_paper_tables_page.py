import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from amcnet.losses import DiceAnatomyLoss, DiceLoss
from amcnet.paper_tables.row_results import write_row_result
from amcnet.paper_tables.rows import paper_tables
from amcnet.training.loss_config import LossConfig
from studies import anatomy_loss
from tools import paper_tables_page

from ..paper_tables.made_rows import as_in_the_paper, made_result


@pytest.fixture
def window():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 5, 4, 6, 6, generator=generator, requires_grad=True)
    return logits, torch.randint(5, (2, 4, 6, 6), generator=generator)


def gradient(loss, logits, target):
    logits.grad = None
    loss(logits, target).backward()
    return logits.grad.clone()


def test_without_a_gradient_the_value_is_the_papers_and_the_slope_is_not(window):
    ours, paper = anatomy_loss.DetachedForm(DiceLoss()), DiceAnatomyLoss(0.5)
    torch.testing.assert_close(ours(*window), paper(*window))
    difference = gradient(ours, *window) - gradient(paper, *window)
    assert difference.abs().max() > 1e-4


def test_plain_cross_entropy(window):
    expected = DiceLoss()(*window) + 0.5 * functional.cross_entropy(*window)
    plain = anatomy_loss.tasks(LossConfig())[-1]
    assert plain.row.name == "amcnet-cross-entropy"
    torch.testing.assert_close(plain.loss(*window), expected)


def test_the_released_form_of_uniform_logits():
    # arg-max of equal logits is label 0: the weight is the label number, the loss its mean * ln C.
    target = torch.tensor([0, 1, 2, 3]).repeat(8).reshape(1, 2, 4, 4)
    logits = torch.zeros(1, 4, 2, 4, 4)
    dice = DiceLoss()(logits, target)
    expected = dice + 0.5 * 1.5 * math.log(4)
    torch.testing.assert_close(anatomy_loss.ReleasedForm(DiceLoss())(logits, target), expected)


def test_the_released_form_depends_on_how_labels_are_numbered(window):
    logits, target = window
    order = torch.tensor([0, 4, 3, 2, 1])  # its own inverse
    renamed = logits[:, order], order[target]
    released, detached = (
        anatomy_loss.ReleasedForm(DiceLoss()),
        anatomy_loss.DetachedForm(DiceLoss()),
    )
    assert abs(released(*window) - released(*renamed)) > 1e-3
    torch.testing.assert_close(detached(*window), detached(*renamed))


def test_the_released_form_dilates_within_the_plane_alone():
    target = torch.zeros(1, 3, 5, 5, dtype=torch.long)
    target[0, 1] = 1
    logits = torch.zeros(1, 2, 3, 5, 5)
    logits[:, 0] = 1
    logits[0, 1, 1, 2, 2] = 9
    weight = anatomy_loss.ReleasedForm(DiceLoss()).weight(logits, target)
    expected = torch.zeros(1, 3, 5, 5)
    expected[0, 1] = 1
    expected[0, 1, 1:4, 1:4] = 0
    torch.testing.assert_close(weight, expected)


def test_the_page_of_made_results(tmp_path, monkeypatch):
    monkeypatch.setattr("amcnet.metrics.statistics.RESAMPLES", 199)
    results = {**as_in_the_paper("table1"), **as_in_the_paper("table2")}
    for result in results.values():
        write_row_result(tmp_path, result)
    first = paper_tables_page.page(tmp_path, tmp_path / "tables.md")
    assert first.count("\n## ") == 4
    assert "The term at the paper's weight against Dice alone: DSC +0.006 (better" in first
    for row, dsc in (("amcnet-released", 0.95), ("amcnet-gamma-1", 0.9)):
        write_row_result(tmp_path, made_result(row, {"dsc": dsc}, seed=8))
    text = paper_tables_page.page(tmp_path, tmp_path / "tables.md")
    assert "The paper's equations against the released form: DSC -0.050 (worse" in text
    assert set(anatomy_loss.study().names) >= {"amcnet", "amcnet-ac", "amcnet-detached"}
    assert "## Other networks" not in text
    write_row_result(tmp_path, made_result("resenc", {"dsc": 0.88}, seed=9))
    text = paper_tables_page.page(tmp_path, tmp_path / "tables.md")
    further = text.partition("## Other networks")[2].partition("\n## ")[0]
    assert "| ResEnc U-Net (nnU-Net)" in further


def test_another_seed_beside_the_first(tmp_path):
    table = paper_tables().tables["table2"]
    section = paper_tables_page.paper_tables_seeds.seeds_section
    for row, dsc in (("amcnet", 0.5), ("amcnet-ac", 0.75), ("unet3d", 0.4)):
        write_row_result(tmp_path, with_seed(made_result(row, {"dsc": dsc}), 1))
    assert section(table, tmp_path) == ""
    other = paper_tables_page.paper_tables_seeds.seed_folder(tmp_path, 7)
    for row, dsc in (("amcnet", 0.6), ("amcnet-ac", 0.5)):
        write_row_result(other, with_seed(made_result(row, {"dsc": dsc}), 7))
    lines = section(table, tmp_path).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:4]] for line in lines if "|" in line]
    assert cells[0] == ["row, or difference of two", "DSC, seed 1", "DSC, seed 7"]
    assert cells[2:] == [
        ["AMCNet 2D+3D", "0.500", "0.600"],
        ["AMCNet 2D+3D + AC (ours)", "0.750", "0.500"],
        ["AMCNet: AC against Dice alone", "0.250", "-0.100"],
    ]


def with_seed(result, seed):
    settings = {**result.facts.settings, "seed": seed}
    return replace(result, facts=result.facts.model_copy(update={"settings": settings}))
