"""The page of a scene: what a server has to send for it."""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from amcnet.quality import QualityReport, Severity
from amcnet.viewer.page_server import Resource
from amcnet.viewer.viewer_scene import ShownStructure, ViewerScene

_HTML = "text/html; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"
_STYLE = "text/css; charset=utf-8"
_PACKAGED = {
    "": ("web/index.html", _HTML),
    "app.js": ("web/app.js", _SCRIPT),
    "style.css": ("web/style.css", _STYLE),
    "niivue.js": ("vendor/niivue.js", _SCRIPT),
}
_BYTES = "application/octet-stream"


def page_resources(scene: ViewerScene) -> dict[str, Resource]:
    """Return all that the page of a scene consists of: name -> what is sent for it."""
    package = files("amcnet.viewer")
    resources = {
        name: Resource(content_type, package.joinpath(path).read_bytes())
        for name, (path, content_type) in _PACKAGED.items()
    }
    data = json.dumps(as_data(scene), allow_nan=False).encode()
    resources["scene.json"] = Resource("application/json", data)
    resources["volume.nii"] = Resource(_BYTES, scene.grid.nifti(scene.voxels))
    if scene.labelled is not None:
        labels = scene.grid.nifti(scene.labelled.voxels, are_labels=True)
        resources["labels.nii"] = Resource(_BYTES, labels)
    return resources


def as_data(scene: ViewerScene) -> dict[str, Any]:
    """Return what the page has to know of a scene beside its voxels, as data that JSON can hold."""
    labelled = scene.labelled
    return {
        "volume": scene.name,
        "full_shape": list(scene.full_shape),
        "full_spacing_mm": list(scene.full_spacing_mm),
        "shown_shape": list(scene.grid.shape),
        "labels": None if labelled is None else labelled.name,
        "verdict": None if labelled is None else _verdict(labelled.quality),
        "structures": [] if labelled is None else _rows(labelled.structures),
    }


def _verdict(quality: QualityReport) -> dict[str, Any]:
    named = quality.to_dict()
    general = [f for f in quality.findings if not f.structures or f.kind == "unlike a hand"]
    return {
        "severity": named["verdict"],
        "found": named["found"],
        "expected": named["expected"],
        "messages": [
            {"severity": str(finding.severity), "text": finding.message} for finding in general
        ],
        "unchecked": named["unchecked"],
    }


def _rows(structures: Sequence[ShownStructure]) -> list[dict[str, Any]]:
    return [_row(one) for one in structures]


def _row(one: ShownStructure) -> dict[str, Any]:
    size, end = one.measurement, one.measurement.growth_end
    return {
        "label": one.structure.value,
        "name": one.structure.name,
        "color_rgb": list(one.structure.color_rgb),
        "present": size.present,
        "severity": str(one.severity),
        "is_doubtful": one.severity > Severity.OK,
        "messages": list(one.messages),
        "focus_mm": None if one.focus_mm is None else list(one.focus_mm),
        "near": one.near,
        "length_mm": size.length_mm,
        "width_mm": size.width_mm,
        "thickness_mm": size.thickness_mm,
        "volume_mm3": size.volume_mm3,
        "surface_area_mm2": size.surface_area_mm2,
        "growth_end_width_ratio": None if end is None else end.width_ratio,
    }
