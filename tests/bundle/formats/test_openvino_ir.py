import json
from pathlib import Path

import numpy as np

from amcnet.anatomy import hand_label_table
from amcnet.bundle import load_bundle
from amcnet.bundle.bundle import sha256_of
from amcnet.bundle.formats import export_model
from amcnet.data import read_label_table
from amcnet.inference.openvino_network import OpenVINONetwork


def test_the_network_is_the_bundles_own(small_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bundle = export_model(small_bundle, "openvino", out)
    assert {path.name for path in out.iterdir()} == {
        "model.xml", "model.bin", "model.json", "labels.json",
    }  # fmt: skip
    window = np.random.default_rng(0).standard_normal((1, 8, 32, 24)).astype(np.float32)
    expected = OpenVINONetwork(bundle.path("model.xml")).logits(window)
    found = OpenVINONetwork(out / "model.xml").logits(window)
    np.testing.assert_array_equal(found, expected)


def test_description_and_labels(small_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_model(small_bundle, "openvino", out)
    written = json.loads((out / "model.json").read_text())
    original = json.loads((small_bundle / "model.json").read_text())
    assert written.pop("sha256") == {
        name: sha256_of(out / name) for name in ("model.xml", "model.bin")
    }
    original.pop("sha256")
    assert written == original
    assert read_label_table(out / "labels.json") == hand_label_table()
    assert load_bundle(small_bundle).description.label_table == hand_label_table()
