"""Every network through bundle, both engines and fine-tuning."""

from pathlib import Path

import numpy as np
import pytest
import torch

from amcnet.anatomy import LabelTable
from amcnet.bundle import Bundle, BundleDescription, Provenance
from amcnet.bundle.bundle_writing import load_network_weights, write_bundle
from amcnet.bundle.formats.network import rebuild_network
from amcnet.data import Preprocessing
from amcnet.inference import Segmenter
from amcnet.inference.torch_engine import gpu_order
from amcnet.io import volume_from_array
from amcnet.networks import Architecture, build_network
from amcnet.runtime.openvino import openvino
from amcnet.training.transfer import start_from

TABLE = LabelTable.from_names(["left", "right", "middle"])
WIDTHS = {"unet": 4, "unetplusplus": 4, "swinunet": 12, "unet3d": 4, "vnet": 4, "mnet": 4}


QUICK = ("unet", "unet3d")  # one of 2D and one of 3D; converting the others takes minutes
NETWORKS = [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in WIDTHS]


@pytest.fixture(scope="module", params=NETWORKS)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    torch.manual_seed(0)
    architecture = Architecture(name=request.param, num_classes=4, width=WIDTHS[request.param])
    description = BundleDescription(
        name="peer",
        notice="Untrained.",
        architecture=architecture,
        preprocessing=Preprocessing(spacing_mm=(1, 1, 1)),
        window=8,
        labels=TABLE.to_dicts(),
        provenance=Provenance(training_data="nothing", configuration={}),
        sha256={},
    )
    network = build_network(architecture)
    network(torch.randn(1, 1, 8, 32, 64))  # a batch norm gets statistics
    return write_bundle(tmp_path_factory.mktemp("peer") / "model", network, description)


def test_files_hold_the_weights_and_graphs_take_any_size(bundle: Bundle) -> None:
    network, core = rebuild_network(bundle), openvino().Core()
    model = core.read_model(bundle.path("model.xml"))
    image = np.random.default_rng(1).standard_normal((1, 1, 5, 33, 70)).astype(np.float32)
    model.reshape(image.shape)
    # float32: the default on some processors is bfloat16.
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(compiled(image)[0], expected, atol=1e-3 * np.abs(expected).max())


def test_both_engines_give_the_same_labels(bundle: Bundle, speckle: np.ndarray) -> None:
    volume = volume_from_array(speckle, (1.0, 1.0, 1.0))
    found, expected = (
        Segmenter(bundle.folder, backend=backend)(volume, cleanup=False).labels
        for backend in ("openvino", "torch")
    )
    assert found.shape == speckle.shape
    assert (found == expected).mean() > 0.97  # OpenVINO may round to bfloat16


def test_order_of_weights_on_a_gpu_changes_nothing(bundle: Bundle) -> None:
    network, image = rebuild_network(bundle), torch.randn(2, 1, 8, 32, 64)
    with torch.inference_mode():
        expected = network(image)
        moved = network.to(memory_format=gpu_order(network))
        torch.testing.assert_close(moved(image), expected, atol=1e-3, rtol=1e-3)


def test_fine_tuning_starts_where_the_model_ended(bundle: Bundle, tmp_path: Path) -> None:
    """The same image in both channels gives the known structures the logits that they had."""
    values = {"in_channels": 2, "num_classes": 5}
    architecture = bundle.description.architecture.model_copy(update=values)
    table = LabelTable.from_names(["new", "right", "left", "middle"])
    torch.manual_seed(1)
    network = build_network(architecture)
    start_from(network, architecture, table, bundle)
    image = torch.randn(1, 1, 4, 32, 32)
    with torch.inference_mode():
        expected = rebuild_network(bundle)(image)
        found = network.eval()(image.expand(-1, 2, -1, -1, -1))[:, [0, 3, 2, 4]]
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-2)
    assert set(network.state_dict()) == set(load_network_weights(bundle))
