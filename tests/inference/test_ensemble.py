from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amcnet import segment
from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.bundle import Bundle, load_bundle
from amcnet.data import Preprocessing
from amcnet.errors import ModelError
from amcnet.inference import Segmenter
from amcnet.inference.ensemble import averaged, check_members
from amcnet.inference.labelling import label_slices
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.stream import stream_logits
from amcnet.networks import Architecture

SPACING_MM = (0.5, 0.8, 0.6)


def test_a_model_with_itself_is_the_model(small_bundle: Path, speckle: np.ndarray) -> None:
    alone = segment(speckle, SPACING_MM, model=small_bundle)
    twice = segment(speckle, SPACING_MM, model=[small_bundle, small_bundle])
    assert len(np.unique(alone.labels)) > 1
    assert np.array_equal(twice.labels, alone.labels)
    assert twice.confidence == alone.confidence
    assert twice.notice == "Untrained."


def test_two_models_are_the_mean_of_their_logits(
    small_bundle: Path, other_bundle: Path, torch_network: Callable, speckle: np.ndarray
) -> None:
    models = [small_bundle, other_bundle]
    speckle = speckle[:15]
    result = segment(speckle, SPACING_MM, model=models, backend="torch", cleanup=False)
    image = Preprocessing(spacing_mm=(0.6, 1.0, 0.7)).apply(speckle, SPACING_MM)[None]
    # All logits of each member first, then their mean.
    volumes = []
    for model in models:
        stream = stream_logits(image, Windows(8, 0.25), 39, torch_network(model))
        volumes.append(np.stack(list(stream)))
    mean = np.mean(volumes, axis=0, dtype=np.float64).astype(np.float32)
    expected = np.stack(list(label_slices(iter(mean), len(mean), speckle.shape)))
    assert (result.labels == expected).mean() > 0.9999
    for logits in volumes:
        single = np.stack(list(label_slices(iter(logits), len(logits), speckle.shape)))
        assert (single != result.labels).mean() > 0.01
    assert result.notice.splitlines() == ["Untrained.", "Untrained too."]


def test_members_see_one_window_at_a_time() -> None:
    seen: list[tuple[str, float]] = []

    class Constant:
        def __init__(self, name: str, value: float) -> None:
            self.name, self.value = name, value

        def logits(self, window: np.ndarray) -> np.ndarray:
            seen.append((self.name, float(window.flat[0])))
            return np.full((3, *window.shape[1:]), self.value, np.float32)

    members = [Constant("a", 1), Constant("b", 3), Constant("c", 8)]
    mean = averaged([member.logits for member in members])
    image = np.zeros((1, 24, 16, 16), np.float32) + np.arange(24, dtype=np.float32)[:, None, None]
    planes = list(stream_logits(image, Windows(8, 0.5), 3, mean))
    np.testing.assert_allclose(planes, 4, rtol=1e-6)
    assert seen == [(name, start) for start in (0, 4, 8, 12, 16) for name in "abc"]


TABLE = hand_label_table().to_dicts()
RENAMED = [TABLE[0] | {"name": "something else"}, *TABLE[1:]]
FEW = LabelTable.from_names(["a", "b"]).to_dicts()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 12}, "window: found 12, expected 8 as in"),
        (
            {"architecture": Architecture(width=4, in_channels=2)},
            "input channels: found 2, expected 1 as in",
        ),
        (
            {"preprocessing": Preprocessing(spacing_mm=(0.6, 1.0, 0.8))},
            r"spacing_mm: found \(0.6, 1.0, 0.8\), expected \(0.6, 1.0, 0.7\) as in",
        ),
        ({"labels": RENAMED}, "label table: found '1 something else', expected '1 distal phalanx"),
        ({"labels": FEW}, "label table: found 2 structures, expected 38 as in"),
    ],
)
def test_members_must_agree(
    small_bundle: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    bundle = load_bundle(small_bundle)
    different = Bundle(tmp_path, bundle.description.model_copy(update=changes))
    with pytest.raises(ModelError, match=message) as caught:
        check_members([bundle, bundle, different])
    assert str(tmp_path) in str(caught.value)
    assert str(small_bundle) in str(caught.value)


def test_members_that_differ_are_refused(small_bundle: Path, two_channel_bundle: Path) -> None:
    with pytest.raises(ModelError, match="input channels: found 2, expected 1"):
        Segmenter([small_bundle, two_channel_bundle])


def test_no_members() -> None:
    with pytest.raises(ModelError, match="empty list"):
        Segmenter([])
