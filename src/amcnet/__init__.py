"""Fine-grained segmentation of hand bones in 3D ultrasound.

``amcnet.segment`` takes a volume and returns 38 named structures; see also
:mod:`amcnet.phantom`, :mod:`amcnet.metrics`, :mod:`amcnet.training`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from amcnet.extras import require_extra
from amcnet.version import __version__

if TYPE_CHECKING:
    from amcnet.bundle.saving import save_model
    from amcnet.inference import Segmentation, Segmenter
    from amcnet.workflows.segment.segment_volume import segment

_PARTS = (
    "anatomy",
    "bundle",
    "data",
    "inference",
    "io",
    "labelmaps",
    "losses",
    "measurement",
    "mesh",
    "metrics",
    "networks",
    "phantom",
    "quality",
    "report",
    "service",
    "training",
    "viewer",
    "workflows",
)
__all__ = ["Segmentation", "Segmenter", "__version__", "save_model", "segment"]


def __getattr__(name: str) -> object:
    """Import the segmenting part, or a part of the package, on first use."""
    if name in _PARTS:
        return import_module(f"amcnet.{name}")
    if name in ("Segmentation", "Segmenter"):
        return getattr(import_module("amcnet.inference"), name)
    if name == "save_model":
        require_extra("train", "amcnet.save_model")
        return import_module("amcnet.bundle.saving").save_model
    if name == "segment":
        return import_module("amcnet.workflows.segment.segment_volume").segment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
