from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from amcnet.anatomy import hand_label_table
from amcnet.bundle import BundleDescription, Provenance
from amcnet.data import Preprocessing
from amcnet.networks import Architecture

# Machines differ and may be busy: examples are not timed. A commit gives the same examples every
# time; "pytest --hypothesis-profile random" looks for new ones.
settings.register_profile("random", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model bundle of the hand with a tiny, untrained network."""
    torch = pytest.importorskip("torch")
    from amcnet.bundle.export import write_bundle
    from amcnet.networks import build_network

    torch.manual_seed(1)
    architecture = Architecture(width=4)
    folder = tmp_path_factory.mktemp("models") / "small"
    description = BundleDescription(
        name="small",
        notice="Untrained.",
        architecture=architecture,
        preprocessing=Preprocessing(spacing_mm=(0.6, 1.0, 0.7)),
        window=8,
        labels=hand_label_table().to_dicts(),
        provenance=Provenance(training_data="nothing", configuration={}),
        sha256={},
    )
    write_bundle(folder, build_network(architecture), description)
    return folder


@pytest.fixture(scope="session")
def speckle() -> np.ndarray:
    """A small volume (scan, lateral, depth) of noise with a bright block."""
    rng = np.random.default_rng(5)
    volume = rng.integers(0, 60, (24, 40, 36)).astype(np.uint8)
    volume[5:15, 10:25, 12:20] += 150
    return volume
