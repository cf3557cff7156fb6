"""Networks beside those of the paper, as additional rows of `amcnet paper-tables`.

    pip install -r studies/requirements-further-networks.txt
    python studies/further_networks.py --scale long

trains them like the paper's rows, into the same folder, and writes their results to OUT/results.
Finished rows are kept, an interrupted one is resumed. `python -m tools.paper_tables_page` writes
the section of the page.

- ``resenc``: nnU-Net's residual encoder U-Net (Isensee et al., MICCAI 2024) from
  `dynamic_network_architectures`, with its own blocks per stage, at a quarter of its width like
  the other networks, trained with Dice;
- ``whole-hand``: the first stage of the bundled model, trained with Dice and 0.5 AC.
"""

import argparse
import logging
import os
from pathlib import Path
from typing import ClassVar

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in amcnet train

from torch import Tensor, nn

from amcnet.networks.any_size import Core
from amcnet.networks.layers import Conv3d
from amcnet.networks.registry import NetworkSpec, register_network
from amcnet.paper_tables.row_runner import RowTask, run_rows
from amcnet.paper_tables.rows import ComparisonTable, PaperRow, TableRow
from amcnet.paper_tables.scale import Scale, read_scale
from amcnet.paper_tables.workspace import Workspace

WIDTHS = {"resenc": 8}  # a quarter of nnU-Net's 32
_BLOCKS = (1, 3, 4, 6, 6, 6)  # of each stage, as in nnU-Net's plans
_WHOLE_HAND = {  # as in configs/whole-hand-3.toml
    "pool_sizes": [[2, 2, 2]] * 4,
    "space_to_depth": [2, 3, 2],
    "refinement_channels": 16,
}
_MOST_FEATURES = 10  # widths of the first stage: nnU-Net has 32 to 320 features


@register_network(
    NetworkSpec(
        name="resenc",
        title="ResEnc U-Net",
        source="Isensee et al., MICCAI 2024",
        code="dynamic_network_architectures, Apache-2.0",
        sees="3d",
        width=32,
        bytes_per_width=28,
        bytes_per_class=8,
        divisor=(32, 32, 32),
    )
)
class ResEnc(Core):
    """The residual encoder U-Net of nnU-Net with six stages.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes of the output.
        width: Channels of the first stage.
    """

    class_axes: ClassVar[dict[str, int]] = {"network.decoder.seg_layers.": 1}
    logit_layers: ClassVar[tuple[str, ...]] = ("network.decoder.seg_layers.4",)

    def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        super().__init__()
        from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet

        stages = len(_BLOCKS)
        self.network = ResidualEncoderUNet(
            input_channels=in_channels,
            n_stages=stages,
            features_per_stage=[width * min(2**stage, _MOST_FEATURES) for stage in range(stages)],
            conv_op=nn.Conv3d,
            kernel_sizes=3,
            strides=[1, *[2] * (stages - 1)],
            n_blocks_per_stage=list(_BLOCKS),
            num_classes=num_classes,
            n_conv_per_stage_decoder=1,
            conv_bias=True,
            norm_op=nn.InstanceNorm3d,
            norm_op_kwargs={"eps": 1e-5, "affine": True},
            nonlin=nn.LeakyReLU,
            nonlin_kwargs={"inplace": True},
        )
        self.network.apply(self.network.initialize)
        for layer in self.network.modules():
            if type(layer) is nn.Conv3d:
                layer.__class__ = Conv3d  # the same weights, with PyTorch's faster kernel

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (batch, class, scan, lateral, depth) of an image with one channel axis."""
        logits: Tensor = self.network(image)
        return logits


def tasks() -> list[RowTask]:
    """Return the rows to train, in the order of the table."""
    return [
        RowTask(PaperRow(name="resenc", network="resenc")),
        RowTask(PaperRow(name="whole-hand", network="amcnet", gamma=0.5, options=_WHOLE_HAND)),
    ]


def study() -> ComparisonTable:
    """Return the rows, and AMCNet + AC, as a table."""
    rows = (
        TableRow(row="resenc", title="ResEnc U-Net (nnU-Net)"),
        TableRow(row="whole-hand", title="first stage of the bundled model"),
        TableRow(row="amcnet-ac", title="AMCNet + AC"),
    )
    return ComparisonTable(title="Other networks", ours="amcnet-ac", rows=rows)


def with_widths(scale: Scale) -> Scale:
    """Return a scale that also has the widths of these networks."""
    return scale.model_copy(update={"width": {**WIDTHS, **scale.width}})


def main(texts: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="long", help="small, long, paper or a file of settings")
    parser.add_argument("--out", type=Path, help="folder [default: runs/tables-SCALE]")
    parser.add_argument("--rows", nargs="+", choices=[t.row.name for t in tasks()])
    arguments = parser.parse_args(texts)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    scale = with_widths(read_scale(arguments.scale))
    workspace = Workspace(arguments.out or Path("runs") / f"tables-{scale.name}")
    chosen = [t for t in tasks() if not arguments.rows or t.row.name in arguments.rows]
    for name in run_rows(chosen, scale, workspace):
        print(f"{name}: finished")


if __name__ == "__main__":
    main()
