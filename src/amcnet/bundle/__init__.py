"""Model bundles: folders with weights, the network as OpenVINO IR, and a description."""

from amcnet.bundle.archive import pack_bundle
from amcnet.bundle.bundle import Bundle, load_bundle, read_description
from amcnet.bundle.description import BundleDescription, Provenance, Scores
from amcnet.bundle.installed import InstalledModel, install_model, list_models, remove_model
from amcnet.bundle.locate import default_bundle_folder, find_model, models_folder
from amcnet.bundle.scores import record_calibration, record_scores

__all__ = [
    "Bundle",
    "BundleDescription",
    "InstalledModel",
    "Provenance",
    "Scores",
    "default_bundle_folder",
    "find_model",
    "install_model",
    "list_models",
    "load_bundle",
    "models_folder",
    "pack_bundle",
    "read_description",
    "record_calibration",
    "record_scores",
    "remove_model",
]
