import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amcnet.bundle import load_bundle
from amcnet.errors import ModelError
from amcnet.inference.openvino_network import OpenVINONetwork

WINDOW = np.random.default_rng(0).standard_normal((1, 8, 32, 24)).astype(np.float32)


def test_logits_last_while_the_next_are_computed_ahead(small_bundle: Path) -> None:
    backend = OpenVINONetwork(load_bundle(small_bundle).path("model.xml"))
    first = backend.logits(WINDOW)
    kept = first.copy()
    backend.logits(-WINDOW, ahead=True)
    assert np.array_equal(first, kept)
    assert np.array_equal(backend.logits(WINDOW, ahead=True), kept)


def test_results_that_are_used_up_take_no_second_buffer(small_bundle: Path) -> None:
    backend = OpenVINONetwork(load_bundle(small_bundle).path("model.xml"))
    first = backend.logits(WINDOW)
    assert np.shares_memory(first, backend.logits(-WINDOW))
    assert not np.shares_memory(first, backend.logits(WINDOW, ahead=True))


def test_windows_of_other_sizes(small_bundle: Path) -> None:
    backend = OpenVINONetwork(load_bundle(small_bundle).path("model.xml"))
    for shape in ((1, 8, 32, 24), (1, 5, 17, 33), (1, 8, 32, 24)):
        assert backend.logits(np.ones(shape, np.float32)).shape == (39, *shape[1:])
    with pytest.raises(ModelError, match="does not take windows of"):
        backend.logits(np.ones((2, 8, 32, 24), np.float32))


def test_too_little_memory_is_said_in_a_sentence(small_bundle: Path) -> None:
    pytest.importorskip("resource")
    program = f"""
import resource, psutil
from pathlib import Path
import numpy as np
from amcnet.errors import NotEnoughMemoryError
from amcnet.inference.openvino_network import OpenVINONetwork
backend = OpenVINONetwork(Path({str(load_bundle(small_bundle).path("model.xml"))!r}))
backend.logits(np.ones((1, 8, 32, 24), np.float32))
most = psutil.Process().memory_info().vms + (200 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    backend.logits(np.ones((1, 8, 1024, 1024), np.float32))
except NotEnoughMemoryError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    expected = "a window of 8 x 1024 x 1024 voxels needs more memory than OpenVINO could get"
    assert done.stdout.strip() == expected, done.stderr


def test_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_text("no model")
    with pytest.raises(ModelError, match="OpenVINO cannot read it"):
        OpenVINONetwork(tmp_path / "model.xml")


def test_without_a_home_it_works_too(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("platformdirs.user_cache_path", no_home)
    model = load_bundle(small_bundle).path("model.xml")
    assert OpenVINONetwork(model).logits(WINDOW).shape == (39, 8, 32, 24)


@pytest.mark.usefixtures("in_float32")
def test_many_windows_give_what_each_gives_alone(small_bundle: Path) -> None:
    backend = OpenVINONetwork(load_bundle(small_bundle).path("model.xml"))
    windows = [factor * WINDOW for factor in (1, -1, 0.5, 2, -3, 0, 4)]
    together = [logits.copy() for logits in backend.logits_of_many(iter(windows))]
    assert len(together) == len(windows)
    for window, logits in zip(windows, together, strict=True):
        assert np.allclose(logits, backend.logits(window), atol=1e-4)
    assert list(backend.logits_of_many(iter([]))) == []


def test_a_limit_of_the_instructions_limits_the_precision() -> None:
    """The transposed convolutions of a refiner have no bfloat16 form without AVX-512."""
    code = (
        "import numpy as np\n"
        "from amcnet.bundle import load_bundle\n"
        "from amcnet.inference.openvino_network import OpenVINONetwork\n"
        "network = OpenVINONetwork(load_bundle().path('refiner.xml'))\n"
        "patch = np.zeros((3, 32, 32, 48), np.float32)\n"
        "print(next(iter(network.logits_of_many([patch]))).shape)\n"
    )
    limited = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=limited, capture_output=True, text=True, check=False
    )
    assert found.stdout.strip() == "(3, 32, 32, 48)", found.stderr
