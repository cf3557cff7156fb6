import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet import segment
from amcnet.anatomy import hand_label_table
from amcnet.bundle import load_bundle
from amcnet.bundle.formats import export_model
from amcnet.bundle.formats.monai import monai_bundle
from amcnet.io import read_volume

pytest.importorskip("monai")
RUN = Path(__file__).with_name("run_monai_bundle.py")
SPACING_XYZ = (0.6, 0.8, 0.5)


@pytest.fixture(scope="module")
def two_channels(two_channel_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of two channels as a MONAI bundle."""
    out = tmp_path_factory.mktemp("monai") / "bundle"
    export_model(two_channel_bundle, "monai-bundle", out)
    return out


def image_of(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING_XYZ)
    image.SetOrigin((3.0, -4.0, 5.5))
    return image


def run(bundle: Path, source: Path, target: Path) -> None:
    command = [sys.executable, "-W", "ignore", str(RUN), *map(str, (bundle, source, target))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=source)
    assert done.returncode == 0, done.stderr[-3000:]


def assert_same(written: Path, source: Path | list[Path], model: Path, least: float = 0.99) -> None:
    """Check the grid, and that at least a share of the voxels are labelled as by amcnet."""
    first = source[0] if isinstance(source, list) else source
    labels, image = sitk.ReadImage(str(written)), sitk.ReadImage(str(first))
    assert labels.GetSize() == image.GetSize()
    for name in ("GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(labels, name)(), getattr(image, name)(), atol=1e-6)
    given = {"channels": source} if isinstance(source, list) else {"source": source}
    expected = segment(**given, model=model, backend="torch", quality="best", cleanup=False).labels
    found = read_volume(written).array
    assert len(np.unique(expected)) > 5
    assert (found == expected).mean() >= least


@pytest.mark.slow
def test_labels_are_those_of_amcnet(
    small_bundle: Path, speckle: np.ndarray, tmp_path: Path
) -> None:
    export_model(small_bundle, "monai-bundle", tmp_path / "bundle")
    source = tmp_path / "in"
    source.mkdir()
    images = {
        "plain": image_of(speckle),
        "turned": sitk.Flip(sitk.PermuteAxes(image_of(speckle), (1, 2, 0)), (True, False, True)),
        # Fewer slices than a window; and a length that MONAI cuts into other windows than amcnet
        # does, which an untrained network, all its logits being close, is sensitive to.
        "thin": image_of(speckle[:6]),
        "odd": image_of(speckle[:, :, ::-1][1:]),
    }
    for name, image in images.items():
        sitk.WriteImage(image, str(source / f"{name}.nrrd"))
    run(tmp_path / "bundle", source, tmp_path / "out")
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == sorted(f"{name}_seg.nrrd" for name in images)
    for name in images:
        path = tmp_path / "out" / f"{name}_seg.nrrd"
        least = 0.9 if name == "odd" else 0.99
        assert_same(path, source / f"{name}.nrrd", small_bundle, least)


def test_two_channels(
    two_channel_bundle: Path, two_channels: Path, speckle: np.ndarray, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    second = np.random.default_rng(8).integers(0, 200, speckle.shape).astype(np.uint8)
    files = [source / f"hand_000{channel}.nrrd" for channel in range(2)]
    for path, array in zip(files, (speckle, second), strict=True):
        sitk.WriteImage(image_of(array), str(path))
    run(two_channels, source, tmp_path / "out")
    (written,) = (tmp_path / "out").iterdir()
    assert_same(written, files, two_channel_bundle)


def test_what_is_in_the_folder(two_channels: Path) -> None:
    out = two_channels
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        "LICENSE",
        "configs/inference.json",
        "configs/metadata.json",
        "docs/README.md",
        "models/model.ts",
        "scripts/__init__.py",
        "scripts/grid.py",
    }
    readme = (out / "docs" / "README.md").read_text()
    assert "Untrained." in readme
    assert "Not a medical device" in readme
    assert "Apache-2.0" in (out / "LICENSE").read_text()
    text = "".join((out / name).read_text() for name in files if name.endswith((".py", ".json")))
    assert "import amcnet" not in text
    assert "from amcnet" not in text


def test_metadata(two_channels: Path) -> None:
    from monai.bundle import load_bundle_config
    from monai.bundle.properties import MetaProperties
    from monai.bundle.utils import DEFAULT_METADATA

    metadata = json.loads((two_channels / "configs" / "metadata.json").read_text())
    # The keys of MONAI's own template are those that its schema wants.
    assert set(DEFAULT_METADATA) <= set(metadata)
    parser = load_bundle_config(str(two_channels), "inference.json")
    for wanted in MetaProperties.values():
        assert wanted["id"] in parser
    image = metadata["network_data_format"]["inputs"]["image"]
    pred = metadata["network_data_format"]["outputs"]["pred"]
    assert (image["num_channels"], pred["num_channels"]) == (2, 39)
    for tensor in (image, pred):
        assert set(tensor) >= {
            "type", "format", "num_channels", "spatial_shape", "dtype", "value_range",
            "is_patch_data", "channel_def",
        }  # fmt: skip
        assert len(tensor["channel_def"]) == tensor["num_channels"]
    assert pred["channel_def"]["38"] == hand_label_table()[38].name


def test_texts_of_a_model_are_no_html_in_the_readme(two_channel_bundle: Path) -> None:
    description = load_bundle(two_channel_bundle).description
    hostile = description.model_copy(update={"name": "<b>x", "notice": "<img src=x onerror=f()>"})
    assert not re.search(r"<\w", monai_bundle._readme(hostile))
