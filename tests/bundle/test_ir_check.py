"""IR files from strangers, whose checksums are right."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

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
        (first('offset="0"', 'offset="x"'), "no readable IR"),
        (first("</net>", ""), "no readable IR"),
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
