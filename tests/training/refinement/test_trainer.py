from dataclasses import replace
from pathlib import Path

import pytest
import torch

from amcnet.anatomy import IGNORE
from amcnet.errors import InputError
from amcnet.networks.refiner import Refiner
from amcnet.networks.refiner_architecture import RefinerArchitecture
from amcnet.training.checkpoint_format import read_checkpoint, write_checkpoint
from amcnet.training.refinement.patches import BoundaryPatches, PatchOptions, RefinementCase
from amcnet.training.refinement.trainer import RefinementLoss, RefinerTrainer, validation_loader
from amcnet.training.run_paths import last_checkpoint
from amcnet.training.training_config import OptimiserConfig, ScheduleConfig

from .conftest import SPACING_MM, TABLE

OPTIONS = PatchOptions((16, 16, 16), 0.2, 0.0, None, SPACING_MM, seed=7)
Cases = tuple[RefinementCase, ...]


def make_trainer(
    folder: Path, steps: int, in_bfloat16: bool = False, **schedule: object
) -> RefinerTrainer:
    torch.manual_seed(0)
    network = Refiner(RefinerArchitecture(kinds=2, widths=(4, 8)))
    optimiser = OptimiserConfig(learning_rate=0.02, warmup_steps=5, batch_size=2, decay="constant")
    plan = ScheduleConfig(steps=steps, steps_per_epoch=10, checkpoint_steps=5, **schedule)
    return RefinerTrainer(network, optimiser, plan, folder, in_bfloat16=in_bfloat16)


@pytest.mark.parametrize("in_bfloat16", [False, True])
def test_it_learns_to_follow_the_image(cases: Cases, tmp_path: Path, in_bfloat16: bool) -> None:
    training = BoundaryPatches(cases[:2], TABLE, OPTIONS)
    held_out = BoundaryPatches(cases[2:], TABLE, replace(OPTIONS, damaged_share=0.0))
    trainer = make_trainer(tmp_path, 60, in_bfloat16)
    reports: list[int] = []
    trainer.fit(training, validation_loader(held_out, 4, 2), lambda h: reports.append(len(h)))
    last = trainer.history[-1]
    assert reports == [1, 2, 3, 4, 5, 6]
    assert last["dice_before"] < 0.8
    assert last["dice"] > last["dice_before"] + 0.1
    assert last["dice_2"] > last["dice_2_before"]


def test_a_resumed_run_is_the_run(cases: Cases, tmp_path: Path) -> None:
    training = BoundaryPatches(cases, TABLE, OPTIONS)
    whole = make_trainer(tmp_path / "whole", 15)
    whole.fit(training, None, lambda history: None)
    first = make_trainer(tmp_path / "parts", 10)
    first.fit(training, None, lambda history: None)
    second = make_trainer(tmp_path / "parts", 15)
    second.resume()
    second.fit(training, None, lambda history: None)
    assert second.step == whole.step == 15
    assert [row["loss"] for row in second.history] == [row["loss"] for row in whole.history]
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value)


def test_a_checkpoint_of_something_else_is_one_line(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, 10)
    path = last_checkpoint(tmp_path)
    path.parent.mkdir(parents=True)
    write_checkpoint(path, {"network": {}, "step": 3})
    with pytest.raises(InputError, match="has no history, optimiser, seconds, skipped_steps"):
        trainer.resume()
    trainer.save()
    state = read_checkpoint(path)
    write_checkpoint(path, state | {"network": {"other": torch.zeros(3)}})
    with pytest.raises(InputError, match="does not fit the configuration"):
        trainer.resume()


def test_time_ends_a_run_too(cases: Cases, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, 10**6, max_hours=2 / 3600)
    trainer.fit(BoundaryPatches(cases, TABLE, OPTIONS), None, lambda history: None)
    assert 0 < trainer.step < 10**6
    assert trainer.progress == 1


def test_steps_with_gradients_that_are_not_finite_change_nothing(
    cases: Cases, tmp_path: Path
) -> None:
    trainer = make_trainer(tmp_path, 10)
    batch = next(iter(validation_loader(BoundaryPatches(cases, TABLE, OPTIONS), 2, 2)))
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    trainer._take_step(batch._replace(patch=batch.patch * float("nan")))
    assert trainer.skipped_steps == 1
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_loss_leaves_unjudged_voxels_out() -> None:
    torch.manual_seed(0)
    logits, kinds = torch.randn(1, 3, 4, 4, 4), torch.randint(0, 3, (1, 4, 4, 4))
    kinds[:, 2:] = IGNORE
    loss = RefinementLoss()
    torch.testing.assert_close(
        loss(logits, kinds), loss(logits[:, :, :2], kinds[:, :2]), rtol=1e-5, atol=1e-6
    )


def test_a_small_kind_counts_as_much_as_a_large_one() -> None:
    kinds = torch.zeros(1, 8, 8, 8, dtype=torch.long)
    kinds[:, :6] = 1
    kinds[:, 7, 7, 7] = 2
    dice = RefinementLoss().dice

    def without(kind: int) -> torch.Tensor:
        found = torch.where(kinds == kind, 0, kinds)
        return dice(torch.nn.functional.one_hot(found, 3).movedim(-1, 1) * 20.0, kinds)

    torch.testing.assert_close(without(1), torch.tensor(0.5))
    torch.testing.assert_close(without(2), torch.tensor(0.5))


def test_calibration_never_lowers_the_dice_on_real_labels(cases: Cases, tmp_path: Path) -> None:
    own = replace(OPTIONS, damaged_share=0.0)
    patches = validation_loader(BoundaryPatches(cases, TABLE, own), 6, 2)
    trainer = make_trainer(tmp_path, 10)
    torch.nn.init.normal_(trainer.network.head.weight, std=2.0)  # corrects at random: too much
    before = trainer.validate(patches)
    trust = float(trainer.network.trust.detach())
    added = trainer.calibrate(patches)
    assert added > 0
    assert float(trainer.network.trust.detach()) == pytest.approx(trust + added)
    assert trainer.validate(patches)["dice"] >= before["dice"]
