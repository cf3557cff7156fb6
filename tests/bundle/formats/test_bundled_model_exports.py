"""Every export format, with the model that ships with the package, run by its own runtime."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amcnet.bundle import default_bundle_folder
from amcnet.bundle.formats import FORMATS, FormatName, export_model
from amcnet.runtime.openvino import openvino

Run = Callable[[Path, np.ndarray], np.ndarray]
SIZE = (34, 50, 36)  # small, but at least one voxel is left after the last pooling


def run_openvino(folder: Path, window: np.ndarray) -> np.ndarray:
    core = openvino().Core()
    # float32: the default on some processors is bfloat16.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(folder / "model.xml"), "CPU", exact)
    return np.array(compiled([window])[0])


def run_onnx(folder: Path, window: np.ndarray) -> np.ndarray:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"image": window})[0]


def run_torchscript(folder: Path, window: np.ndarray) -> np.ndarray:
    torch = pytest.importorskip("torch")
    network = torch.jit.load(folder / "models" / "model.ts").eval()
    with torch.inference_mode():
        return network(torch.from_numpy(window)).numpy()


RUNTIMES: dict[FormatName, Run] = {
    "openvino": run_openvino,
    "onnx": run_onnx,
    "monai-bundle": run_torchscript,  # the whole bundle runs in test_monai.py
}


@pytest.fixture(scope="module")
def window() -> np.ndarray:
    """A window with large structures, so that several classes win."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(0).standard_normal(SIZE)
    smooth = gaussian_filter(noise, 4)
    return (smooth / smooth.std()).astype(np.float32)[None, None]


@pytest.fixture(scope="module")
def expected(window: np.ndarray, torch_network: Callable) -> np.ndarray:
    return torch_network(default_bundle_folder())(window[0])


def test_every_format_has_a_runtime() -> None:
    assert set(RUNTIMES) == set(FORMATS)


@pytest.mark.parametrize("format_name", FORMATS)
def test_logits_are_those_of_pytorch(
    format_name: FormatName, window: np.ndarray, expected: np.ndarray, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    export_model(None, format_name, tmp_path / "out")
    found = RUNTIMES[format_name](tmp_path / "out", window)[0]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    top = np.sort(expected, axis=0)
    is_clear = top[-1] - top[-2] > 2e-3 * np.abs(expected).max()
    assert is_clear.mean() > 0.9
    labels = expected.argmax(axis=0)
    np.testing.assert_array_equal(found.argmax(axis=0)[is_clear], labels[is_clear])
