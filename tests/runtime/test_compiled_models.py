import os
from pathlib import Path

import numpy as np
import pytest

from amcnet.bundle import load_bundle
from amcnet.inference.openvino_network import OpenVINONetwork

MOST = 32  # models that are kept
WINDOW = np.random.default_rng(0).standard_normal((1, 8, 32, 24)).astype(np.float32)


def test_compiled_models_are_kept(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")
    model = load_bundle(small_bundle).path("model.xml")
    first = OpenVINONetwork(model).logits(WINDOW).copy()
    kept = list((tmp_path / "cache" / "openvino").iterdir())
    assert kept
    assert np.array_equal(OpenVINONetwork(model).logits(WINDOW), first)
    assert list((tmp_path / "cache" / "openvino").iterdir()) == kept


def test_the_oldest_compiled_models_are_removed(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "openvino"
    cache.mkdir()
    for age in range(2 * MOST):
        (cache / f"{age}.blob").touch()
        os.utime(cache / f"{age}.blob", (1e9 - age, 1e9 - age))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    OpenVINONetwork(load_bundle(small_bundle).path("model.xml")).logits(WINDOW)
    left = {path.name for path in cache.glob("*.blob")}
    assert len(left) == MOST
    assert {f"{age}.blob" for age in range(MOST - 1)} < left


def test_without_a_cache_folder_it_works_too(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "file")
    model = load_bundle(small_bundle).path("model.xml")
    assert OpenVINONetwork(model).logits(WINDOW).shape == (39, 8, 32, 24)


def test_a_damaged_file_is_compiled_anew(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    model = load_bundle(small_bundle).path("model.xml")
    expected = OpenVINONetwork(model).logits(WINDOW).copy()
    (kept,) = (tmp_path / "openvino").iterdir()
    whole = kept.read_bytes()
    middle = len(whole) // 2
    for damaged in (
        whole[:middle] + bytes(5000) + whole[middle + 5000 :],
        whole[:middle],
        whole[:10],
        b"",
    ):
        kept.write_bytes(damaged)
        assert np.array_equal(OpenVINONetwork(model).logits(WINDOW), expected)
        assert kept.read_bytes() != damaged  # and is replaced


def test_other_windows_and_models_have_files_of_their_own(
    small_bundle: Path, other_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    models = [load_bundle(folder).path("model.xml") for folder in (small_bundle, other_bundle)]
    results = [OpenVINONetwork(model).logits(WINDOW).copy() for model in models]
    OpenVINONetwork(models[0]).logits(WINDOW[:, :4])
    assert len(list((tmp_path / "openvino").iterdir())) == 3
    for model, result in zip(models, results, strict=True):
        assert np.array_equal(OpenVINONetwork(model).logits(WINDOW), result)
