"""Options of ``amcnet segment``, some of which ``amcnet serve`` shares."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class BackendChoice(StrEnum):
    """Backend that runs the network."""

    auto = "auto"
    openvino = "openvino"
    torch = "torch"


class SegTypeChoice(StrEnum):
    """Type of a DICOM segmentation."""

    binary = "binary"
    labelmap = "labelmap"


class ProgressChoice(StrEnum):
    """Progress output format."""

    text = "text"
    json = "json"


class QualityChoice(StrEnum):
    """Trade-off between speed and accuracy."""

    fast = "fast"
    balanced = "balanced"
    best = "best"


InputsArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Volumes: .nrrd .nhdr .mha .mhd .nii .nii.gz, DICOM (folder, .zip, DICOMDIR, "
        ".dcm), or folders of them; for a model of several channels NAME_0000.EXT, the others "
        "are found next to it",
        show_default=False,
    ),
]
OutputOption = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        help="File (.seg.nrrd .nrrd .nii.gz .nii .mha, for DICOM also .dcm), or a folder, which "
        "gets one file for each input.",
    ),
]
BackendOption = Annotated[
    BackendChoice,
    typer.Option(
        help="Backend that runs the network; auto: PyTorch on an NVIDIA GPU, else OpenVINO."
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(help="Device of the network: auto, cpu, cuda, cuda:N, mps, xpu."),
]
QualityOption = Annotated[QualityChoice, typer.Option(help="Trade-off between speed and accuracy.")]
MemoryOption = Annotated[
    float | None,
    typer.Option(
        metavar="GIB",
        help="Memory limit in addition to the volume itself [default: all free memory].",
        show_default=False,
    ),
]
CleanupOption = Annotated[
    bool,
    typer.Option(help="Keep one connected component of each structure; islands join neighbours."),
]
ProbabilitiesOption = Annotated[
    bool,
    typer.Option("--save-probabilities", help="Write NAME.probabilities.npy next to the labels."),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STRUCTURES",
        help="Write only these: names, kinds (bones, epiphyses) or groups (thumb), separated by "
        "commas; repeatable.",
        show_default=False,
    ),
]
SeparateOption = Annotated[
    bool,
    typer.Option("--separate", help="Write a folder with one mask per structure instead."),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="EXT",
        help="Type of the files in a folder [default: the input's, seg.nrrd for NRRD and DICOM; "
        "for masks nii.gz].",
        show_default=False,
    ),
]
SegTypeOption = Annotated[
    SegTypeChoice,
    typer.Option(help="DICOM output: a mask for each structure, or one map of labels."),
]
AlsoOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also write the labels of a single volume to this file, possibly of another type.",
        show_default=False,
    ),
]
ManifestOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json",
        help="Record output, status, seconds, verdict and hashes of every input during the run.",
        show_default=False,
    ),
]
SkipExistingOption = Annotated[
    bool, typer.Option("--skip-existing", help="Skip volumes whose output exists.")
]
ProgressOption = Annotated[
    ProgressChoice,
    typer.Option(help="Output for people, or JSON lines on stdout for programs."),
]
DaskOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Spread the volumes over the Dask cluster of this scheduler (tcp://host:8786).",
        show_default=False,
    ),
]
ServerOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Segment on this amcnet serve instead of here.",
        show_default=False,
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File with your token for --server.", show_default=False),
]
