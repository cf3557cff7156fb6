import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.bundle import load_bundle
from amcnet.inference import Segmenter
from amcnet.inference.labelling import label_slices
from amcnet.inference.openvino_network import OpenVINONetwork
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.stream import stream_logits
from amcnet.io import volume_from_array
from amcnet.metrics import evaluate_case
from amcnet.phantom import Phantom, PhantomConfig, PhantomGrid, make_phantom

RESERVED_SEED = 800_000  # evaluation, tests and the demo use seeds from here up
COARSE = PhantomConfig(PhantomGrid((203, 128, 64), (0.837, 1.04, 0.704)))


def test_is_small_and_says_what_it_is() -> None:
    bundle = load_bundle()
    size = sum(path.stat().st_size for path in bundle.folder.iterdir())
    assert size <= 25e6
    description = bundle.description
    assert description.label_table == hand_label_table()
    assert "synthetic" in description.notice
    assert "Not a medical device" in description.notice
    provenance = description.provenance
    assert provenance.configuration["network"]["width"] == description.architecture.width
    assert provenance.phantom_seeds
    assert max(provenance.phantom_seeds) < RESERVED_SEED


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(RESERVED_SEED + 77, COARSE)


def test_weights_and_openvino_model_agree(phantom: Phantom) -> None:
    pytest.importorskip("torch")
    volume = volume_from_array(phantom.image[60:120], phantom.spacing_mm)
    ir, weights = (Segmenter(backend=name)(volume) for name in ("openvino", "torch"))
    found = evaluate_case(weights.labels, ir.labels, phantom.spacing_mm, 39).summary
    assert len(np.unique(weights.labels)) > 15
    assert found["dice_macro"] > 0.995


def test_labels_of_real_logits_are_those_of_the_dense_route(phantom: Phantom) -> None:
    torch = pytest.importorskip("torch")
    segmenter = Segmenter()
    volume = volume_from_array(phantom.image, phantom.spacing_mm)
    image = segmenter.prepare([volume]).image[:, 80:120]
    backend = OpenVINONetwork(segmenter.bundle.path("model.xml"))
    windows = Windows(segmenter.bundle.description.window, 0.25)
    logits = np.stack(list(stream_logits(image, windows, 39, backend.logits)), axis=1)[:, 10:21]
    shape = (31, 257, 129)
    full = torch.nn.functional.interpolate(
        torch.from_numpy(logits)[None].double(), size=shape, mode="trilinear"
    )
    expected = full[0].argmax(dim=0).numpy()
    planes = label_slices(iter(np.moveaxis(logits, 1, 0)), logits.shape[1], shape)
    assert len(np.unique(expected)) > 5
    assert np.array_equal(np.stack(list(planes)), expected)


@pytest.mark.slow
def test_finds_bones_of_an_unseen_phantom() -> None:
    phantom = make_phantom(RESERVED_SEED + 78)
    result = Segmenter()(volume_from_array(phantom.image, phantom.spacing_mm))
    table = hand_label_table()
    scores = evaluate_case(phantom.labels, result.labels, phantom.spacing_mm, 39, table)
    assert scores.summary["by_kind"]["bone"]["dice_macro"] > 0.5
