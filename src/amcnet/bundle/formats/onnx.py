"""Export a model as ONNX."""

import errno
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from amcnet.bundle.bundle import Bundle
from amcnet.bundle.bundle_writing import example_window
from amcnet.bundle.formats.network import rebuild_network
from amcnet.bundle.formats.sidecars import write_sidecars
from amcnet.errors import MissingExtraError

ONNX_FILE = "model.onnx"
_FREE_AXES = {2: "scan", 3: "lateral", 4: "depth"}


def write_onnx(bundle: Bundle, folder: Path) -> None:
    """Write ``model.onnx``, ``model.json`` and ``labels.json`` into a folder.

    The input is ``image`` (1, channel, scan, lateral, depth), float32, preprocessed as described in
    ``model.json``; the output is ``logits`` (1, class, scan, lateral, depth). The last three axes
    may have any size.

    Raises:
        MissingExtraError: If the package ``onnx`` is not installed.
    """
    if find_spec("onnx") is None:
        raise MissingExtraError("the format 'onnx'", "train")
    with warnings.catch_warnings():
        # The exporter warns about instance norm, which is the same in training and inference.
        warnings.filterwarnings("ignore", message="ONNX export mode", category=UserWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=TracerWarning)  # see write_bundle
        torch.onnx.export(
            rebuild_network(bundle),
            (example_window(bundle.description),),
            str(folder / ONNX_FILE),
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": _FREE_AXES, "logits": _FREE_AXES},
            # The newer exporter produces the same logits but is 50 times slower.
            dynamo=False,
        )
    _check_stored(folder / ONNX_FILE)
    write_sidecars(bundle, folder, (ONNX_FILE,))


def _check_stored(path: Path) -> None:
    """Read a written file back.

    Raises:
        OSError: If it is incomplete.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        complete = bool(onnx.load(path).graph.output)
    except DecodeError:
        complete = False
    if not complete:
        raise OSError(errno.EIO, f"{path.name} was not stored completely, is the disk full?")
