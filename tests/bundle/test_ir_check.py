"""IR files from strangers, whose checksums are right."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amcnet import segment
from amcnet.bundle import default_bundle_folder, load_bundle
from amcnet.bundle.bundle import read_description, sha256_of, write_bundle_description
from amcnet.bundle.ir_check import check_ir
from amcnet.errors import ModelError

Change = Callable[[str], str]


def first(old: str, new: str) -> Change:
    return lambda text: text.replace(old, new, 1)


def nested(text: str) -> str:
    return text.replace("</net>", "<a>" * 40 + "</a>" * 40 + "</net>")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (first("<net", "<!DOCTYPE net [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><net"), "document"),
        (first('version="opset1"', 'version="extension"'), "of 'extension', expected an operation"),
        (first("<rt_info>", '<rt_info><info name="__weights_path" value="/x.bin"/>'), "names a fi"),
        (first("<data ", '<data path="../x" '), "an entry 'path', expected none that names a file"),
        (first('offset="0"', 'offset="999999999"'), "a constant that ends at byte"),
        (first('offset="0"', 'offset="-8"'), "a constant that ends at"),
        (first('offset="0"', 'offset="x"'), "not a readable IR"),
        (first("</net>", ""), "not a readable IR"),
        (nested, "nested more than 32 deep"),
    ],
)
def test_what_is_no_plain_ir_is_refused(
    small_bundle: Path, tmp_path: Path, change: Change, message: str
) -> None:
    folder = Path(shutil.copytree(small_bundle, tmp_path / "model"))
    path = folder / "model.xml"
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
    description = read_description(folder)
    sha256 = description.sha256 | {"model.xml": sha256_of(path)}
    write_bundle_description(folder, description.model_copy(update={"sha256": sha256}))
    with pytest.raises(ModelError, match=message):
        load_bundle(folder)


def test_the_models_own_irs_pass(small_bundle: Path) -> None:
    for folder in (small_bundle, default_bundle_folder()):
        check_ir(folder / "model.xml")


def _with_network(folder: Path, outputs: int, same_shape: bool) -> None:
    """Put another network into a bundle, with right checksums."""
    ov = pytest.importorskip("openvino")
    ops = ov.opset13
    image = ops.parameter([-1, -1, -1, -1, -1], np.float32, name="image")
    result = ops.relu(image) if same_shape else ops.reduce_sum(image, ops.constant([2, 3]), False)
    model = ov.Model([result] * outputs, [image], "other")
    ov.save_model(model, folder / "model.xml")
    description = read_description(folder)
    sums = {name: sha256_of(folder / name) for name in ("model.xml", "model.bin")}
    update = {"sha256": description.sha256 | sums}
    write_bundle_description(folder, description.model_copy(update=update))


@pytest.mark.parametrize(
    ("outputs", "same_shape", "message"),
    [
        (1, True, r"gives float32 of shape \(1, .*, expected float32 of shape \(39, "),
        (1, False, r"gives float32 of shape .*, expected float32 of shape \(39, "),
        (2, True, "has 1 inputs and 2 outputs, expected one of each"),
    ],
)
def test_a_network_that_gives_something_else_is_refused(
    small_bundle: Path,
    speckle: np.ndarray,
    tmp_path: Path,
    outputs: int,
    same_shape: bool,
    message: str,
) -> None:
    folder = Path(shutil.copytree(small_bundle, tmp_path / "model"))
    _with_network(folder, outputs, same_shape)
    with pytest.raises(ModelError, match=message):
        segment(speckle, (0.5, 0.8, 0.6), model=folder, backend="openvino")
