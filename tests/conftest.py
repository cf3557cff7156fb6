import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as amcnet train does; before PyTorch loads

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from amcnet.anatomy import hand_label_table
from amcnet.bundle import BundleDescription, Provenance
from amcnet.data import Preprocessing
from amcnet.data.preprocessing import FixedNormalisation
from amcnet.networks import Architecture

# Machines differ and may be busy: examples are not timed. A commit gives the same examples every
# time; "pytest --hypothesis-profile random" looks for new ones.
settings.register_profile("random", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


MakeBundle = Callable[..., Path]


@pytest.fixture(scope="session")
def make_bundle(tmp_path_factory: pytest.TempPathFactory) -> MakeBundle:
    """Write a model bundle of the hand with a tiny, untrained network; what differs is said."""
    torch = pytest.importorskip("torch")
    from amcnet.bundle.export import write_bundle
    from amcnet.networks import build_network

    def make(name: str = "small", seed: int = 1, channels: int = 1, **changes: object) -> Path:
        torch.manual_seed(seed)
        architecture = Architecture(width=4, in_channels=channels)
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
