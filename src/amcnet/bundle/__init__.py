"""Model bundles: a folder with weights, the same network for OpenVINO, and their description."""

from amcnet.bundle.bundle import Bundle, default_bundle_folder, load_bundle
from amcnet.bundle.description import BundleDescription, Provenance

__all__ = [
    "Bundle",
    "BundleDescription",
    "Provenance",
    "default_bundle_folder",
    "load_bundle",
]
