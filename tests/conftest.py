import json
import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as amcnet train does; before PyTorch loads

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.bundle import BundleDescription, Provenance
from amcnet.data import Preprocessing
from amcnet.data.preprocessing import FixedNormalisation
from amcnet.io import Geometry, write_image, write_labels
from amcnet.networks import Architecture

# A shell lets what it starts in the background ignore Ctrl-C, and so would all child processes.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

BLOCKS_TABLE = LabelTable.from_names(["left block", "right block"])
BLOCKS_SHAPE, BLOCKS_SPACING_MM = (20, 24, 20), (1.0, 1.5, 1.0)

# Machines differ and may be busy: examples are not timed. A commit gives the same examples every
# time; "pytest --hypothesis-profile random" looks for new ones.
settings.register_profile("random", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


MakeBundle = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave the user's cache of compiled models alone, in child processes too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def make_bundle(tmp_path_factory: pytest.TempPathFactory) -> MakeBundle:
    """Write a model bundle of the hand with a tiny, untrained network; what differs is said."""
    torch = pytest.importorskip("torch")
    from amcnet.bundle.bundle_writing import write_bundle
    from amcnet.networks import build_network

    def make(
        name: str = "small",
        seed: int = 1,
        channels: int = 1,
        network: dict[str, Any] | None = None,
        **changes: object,
    ) -> Path:
        torch.manual_seed(seed)
        architecture = Architecture(width=4, in_channels=channels, **(network or {}))
        folder = tmp_path_factory.mktemp("models") / name
        description = BundleDescription(
            name=name,
            notice="Untrained.",
            architecture=architecture,
            preprocessing=Preprocessing(spacing_mm=(0.6, 1.0, 0.7)),
            window=8,
            labels=hand_label_table().to_dicts(),
            provenance=Provenance(training_data="nothing", configuration={}),
            sha256={},
        ).model_copy(update=changes)
        write_bundle(folder, build_network(architecture), description)
        return folder

    return make


@pytest.fixture(scope="session")
def small_bundle(make_bundle: MakeBundle) -> Path:
    """A model bundle of the hand with a tiny, untrained network."""
    return make_bundle()


@pytest.fixture(scope="session")
def other_bundle(make_bundle: MakeBundle) -> Path:
    """A bundle that differs from the small one in its weights and its notice."""
    return make_bundle("other", seed=2, notice="Untrained too.")


@pytest.fixture(scope="session")
def two_channel_bundle(make_bundle: MakeBundle) -> Path:
    """A tiny model of two input channels: one by z-score, one with fixed figures."""
    fixed = FixedNormalisation(low=10, high=150, mean=40, deviation=50)
    preprocessing = Preprocessing(spacing_mm=(0.6, 1.0, 0.7), normalisation=("zscore", fixed))
    return make_bundle("pair", seed=3, channels=2, preprocessing=preprocessing)


NetworkOf = Callable[[Path], Callable[[np.ndarray], np.ndarray]]


@pytest.fixture(scope="session")
def torch_network() -> NetworkOf:
    """Return what turns a bundle's folder into a function from windows to logits, by PyTorch."""
    torch = pytest.importorskip("torch")
    from amcnet.bundle import load_bundle
    from amcnet.bundle.formats.network import rebuild_network

    def make(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
        network = rebuild_network(load_bundle(folder))

        def logits(window: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return network(torch.from_numpy(window)[None])[0].numpy()

        return logits

    return make


@pytest.fixture
def models_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that models are installed in."""
    home = tmp_path / "data home"
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: home / "amcnet")
    return home / "amcnet" / "models"


@pytest.fixture(scope="session")
def speckle() -> np.ndarray:
    """A small volume (scan, lateral, depth) of noise with a bright block."""
    rng = np.random.default_rng(5)
    volume = rng.integers(0, 60, (24, 40, 36)).astype(np.uint8)
    volume[5:15, 10:25, 12:20] += 150
    return volume


@pytest.fixture(scope="session")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that is not the hand: two bright blocks at anisotropic spacing."""
    folder = tmp_path_factory.mktemp("data") / "blocks"
    rng = np.random.default_rng(0)
    geometry = Geometry.canonical(BLOCKS_SHAPE, BLOCKS_SPACING_MM)
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for case in range(4):
        labels = np.zeros(BLOCKS_SHAPE, np.uint8)
        shift = rng.integers(0, 5)
        labels[4:16, 3 + shift : 9 + shift, 5:12] = 1
        labels[4:16, 14 + shift : 19 + shift, 8:15] = 2
        image = (labels > 0) * 120 + rng.integers(0, 60, BLOCKS_SHAPE)
        write_image(folder / "imagesTr" / f"b{case}_0000.nrrd", image.astype(np.uint8), geometry)
        write_labels(folder / "labelsTr" / f"b{case}.nrrd", labels, geometry, BLOCKS_TABLE)
    names = {"background": 0, "left block": 1, "right block": 2}
    description = {"labels": names, "file_ending": ".nrrd"}
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let OpenVINO compute in float32 on processors with AMX too, where its default is bfloat16."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE")
