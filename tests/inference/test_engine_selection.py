from pathlib import Path

import pytest

from amcnet.bundle import load_bundle
from amcnet.errors import ModelError
from amcnet.inference import engine_selection
from amcnet.inference.engine_selection import make_engine
from amcnet.inference.openvino_engine import OpenVINOEngine


def test_without_a_gpu_it_is_openvino(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    # A driver alone is not enough: PyTorch may have been built without CUDA.
    monkeypatch.setattr(engine_selection.ctypes, "CDLL", lambda name: name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert isinstance(make_engine("auto", [load_bundle(small_bundle)]), OpenVINOEngine)


def test_with_a_gpu_it_is_pytorch(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from amcnet.inference.torch_engine import TorchEngine

    bundles = [load_bundle(small_bundle)]
    assert isinstance(make_engine("torch", bundles), TorchEngine)
    monkeypatch.setattr(engine_selection, "has_gpu", lambda: True)
    assert isinstance(make_engine("auto", bundles), TorchEngine)


def test_unknown_backend(small_bundle: Path) -> None:
    with pytest.raises(ModelError, match="found 'abacus', expected one of auto, openvino, torch"):
        make_engine("abacus", [load_bundle(small_bundle)])


def test_devices(small_bundle: Path) -> None:
    pytest.importorskip("torch")
    from amcnet.inference.torch_engine import TorchEngine

    bundles = [load_bundle(small_bundle)]
    assert isinstance(make_engine("auto", bundles, "cpu"), OpenVINOEngine)
    assert isinstance(make_engine("torch", bundles, "cpu"), TorchEngine)
    with pytest.raises(ModelError, match="found 'cuda:1', expected 'cpu' with the backend 'openv"):
        make_engine("openvino", bundles, "cuda:1")
    with pytest.raises(ModelError, match="device: found 'abacus', expected auto, cpu, cuda"):
        make_engine("auto", bundles, "abacus")
    with pytest.raises(ModelError, match="device: found 'cuda:99', expected one of cpu"):
        make_engine("auto", bundles, "cuda:99")
