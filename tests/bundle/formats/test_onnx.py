from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amcnet.bundle.formats import export_model
from amcnet.runtime.openvino import openvino

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def exported(two_channel_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("onnx") / "out"
    export_model(two_channel_bundle, "onnx", out)
    return out


def test_file_is_valid_and_says_what_its_axes_are(exported: Path) -> None:
    assert {path.name for path in exported.iterdir()} == {"model.onnx", "model.json", "labels.json"}
    model = onnx.load(str(exported / "model.onnx"))
    onnx.checker.check_model(model, full_check=True)
    (image,), (logits,) = model.graph.input, model.graph.output
    axes = [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim]
    assert (image.name, axes) == ("image", [1, 2, "scan", "lateral", "depth"])
    assert logits.name == "logits"


@pytest.mark.parametrize("size", [(8, 32, 24), (11, 37, 50)])
def test_logits_are_those_of_pytorch(
    exported: Path,
    two_channel_bundle: Path,
    torch_network: Callable,
    size: tuple[int, int, int],
) -> None:
    window = np.random.default_rng(0).standard_normal((2, *size)).astype(np.float32)
    expected = torch_network(two_channel_bundle)(window)
    core = openvino().Core()
    # float32: the default on some processors is bfloat16.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(exported / "model.onnx"), "CPU", exact)
    found = compiled([window[None]])[0][0]
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
