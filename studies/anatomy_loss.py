"""Effect of the anatomy-constraint loss: its weight, its gradient, and the authors' released form.

    python studies/anatomy_loss.py --scale small --out runs/tables-small

trains AMCNet with each variant, as additional rows of `amcnet paper-tables` (which share the
folder: gamma 0 and 0.5 are rows of the paper's tables), and writes their results to OUT/results.
Finished rows are kept, an interrupted one is resumed. `python -m tools.paper_tables_page` writes
the section of the page.

The package has only the paper's form, Eq. 5-6 with a gradient through the error map, and plain
cross-entropy, which forgives nothing. The two other forms are defined here:

- the error map as a weight without a gradient,
- the form of the authors' public code, written from its description: cross-entropy weighted by
  ReLU(true label number - arg-max label number), the latter dilated within the transverse plane. It
  depends on how the bones are numbered.
"""

import argparse
import logging
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in amcnet train

from torch import Tensor, nn
from torch.nn import functional

from amcnet.losses import DiceAnatomyLoss, DiceLoss
from amcnet.paper_tables.row_runner import RowTask, run_rows
from amcnet.paper_tables.rows import ComparisonTable, PaperRow, TableRow, paper_tables
from amcnet.paper_tables.scale import read_scale
from amcnet.paper_tables.workspace import Workspace
from amcnet.training.loss_config import LossConfig

GAMMA = 0.5


class DiceAndWeighted(nn.Module):
    """Dice + gamma * a cross-entropy with a weight for every voxel."""

    def __init__(self, dice: DiceLoss) -> None:
        super().__init__()
        self.dice = dice

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits (batch, class, scan, lateral, depth) and their classes."""
        log_own = functional.log_softmax(logits.float(), dim=1).gather(1, target[:, None].long())
        weight = self.weight(logits.detach().float(), target.long()).detach()
        term: Tensor = -(weight * log_own[:, 0]).mean()
        return self.dice(logits, target) + GAMMA * term

    def weight(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the weights, (batch, scan, lateral, depth)."""
        raise NotImplementedError


class DetachedForm(DiceAndWeighted):
    """Eq. 5-6, with an error map that is a weight without a gradient."""

    def weight(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return 1 - the largest probability of the voxel's class in its neighbourhood."""
        nearby = functional.max_pool3d(logits.softmax(dim=1), 3, stride=1, padding=1)
        return (1 - nearby.gather(1, target[:, None])[:, 0]).clamp_min(0)


class ReleasedForm(DiceAndWeighted):
    """The form of the authors' public code: differences of label numbers."""

    def weight(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ReLU(label number - arg-max label number, dilated within the plane)."""
        found = logits.argmax(dim=1, keepdim=True).float()
        dilated = functional.max_pool3d(found, (1, 3, 3), stride=1, padding=(0, 1, 1))
        return (target - dilated[:, 0]).clamp_min(0)


def amcnet_row(name: str, gamma: float, loss: str = "") -> PaperRow:
    """Return AMCNet with another loss."""
    return PaperRow(name=name, network="amcnet", branches="2d+3d", gamma=gamma, loss=loss)


def tasks(loss: LossConfig) -> list[RowTask]:
    """Return the rows to train, in the order of the table; Dice is that of ``loss``."""
    dice = DiceLoss(loss.batch_dice, loss.include_background)
    known = paper_tables().rows
    detached = amcnet_row("amcnet-detached", GAMMA, "Dice + 0.5 AC, no gradient in the error map")
    released = amcnet_row("amcnet-released", GAMMA, "Dice + 0.5 of the released form")
    plain = amcnet_row("amcnet-cross-entropy", GAMMA, "Dice + 0.5 cross-entropy")
    return [
        RowTask(known["amcnet"]),
        RowTask(amcnet_row("amcnet-gamma-0.25", 0.25)),
        RowTask(known["amcnet-ac"]),
        RowTask(amcnet_row("amcnet-gamma-1", 1.0)),
        RowTask(detached, DetachedForm(dice)),
        RowTask(released, ReleasedForm(dice)),
        RowTask(plain, DiceAnatomyLoss(0.0, dice, cross_entropy=GAMMA)),
    ]


def study() -> ComparisonTable:
    """Return the rows as a table."""
    titles = (
        "gamma 0",
        "gamma 0.25",
        "gamma 0.5",
        "gamma 1",
        "no gradient",
        "released form",
        "cross-entropy",
    )
    rows = tuple(
        TableRow(row=task.row.name, title=title)
        for task, title in zip(tasks(LossConfig()), titles, strict=True)
    )
    return ComparisonTable(title="The anatomy-constraint loss", ours="amcnet-ac", rows=rows)


def main(texts: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="small", help="small, paper or a file of settings")
    parser.add_argument("--out", type=Path, help="folder [default: runs/tables-SCALE]")
    parser.add_argument("--rows", nargs="+", choices=study().names, help="only these")
    arguments = parser.parse_args(texts)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    scale = read_scale(arguments.scale)
    workspace = Workspace(arguments.out or Path("runs") / f"tables-{scale.name}")
    wanted = arguments.rows or study().names
    loss = LossConfig.model_validate(scale.training.get("loss", {}))
    chosen = [task for task in tasks(loss) if task.row.name in wanted]
    for name in run_rows(chosen, scale, workspace):
        print(f"{name}: finished")


if __name__ == "__main__":
    main()
