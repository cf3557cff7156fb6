from pathlib import Path

import pytest

from amcnet.bundle import load_bundle
from amcnet.errors import ModelError
from amcnet.inference import engine as engines
from amcnet.inference.engine_choice import make_engine
from amcnet.inference.openvino_engine import OpenVINOEngine


def test_without_a_gpu_it_is_openvino(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    # A driver alone is not enough: PyTorch may have been built without CUDA.
    monkeypatch.setattr(engines.ctypes, "CDLL", lambda name: name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert isinstance(make_engine("auto", [load_bundle(small_bundle)]), OpenVINOEngine)


def test_with_a_gpu_it_is_pytorch(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from amcnet.inference.torch_engine import TorchEngine

    bundles = [load_bundle(small_bundle)]
    assert isinstance(make_engine("torch", bundles), TorchEngine)
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    assert isinstance(make_engine("auto", bundles), TorchEngine)


def test_unknown_backend(small_bundle: Path) -> None:
    with pytest.raises(ModelError, match="found 'abacus', expected one of auto, openvino, torch"):
        make_engine("abacus", [load_bundle(small_bundle)])
