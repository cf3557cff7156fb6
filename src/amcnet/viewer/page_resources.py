"""The resources of a page that shows a scene: code, style, voxels and data."""

import json
from importlib.resources import files
from typing import Any

from amcnet.quality import QualityReport, Severity
from amcnet.quality.findings import NO_HAND_KINDS
from amcnet.viewer.page_server import Resource
from amcnet.viewer.viewer_scene import Labelled, ShownStructure, ViewerScene
from amcnet.viewer.window_presets import window_presets

_HTML = "text/html; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"
_STYLE = "text/css; charset=utf-8"
_PACKAGED = {
    "": ("web/index.html", _HTML),
    "style.css": ("web/style.css", _STYLE),
    "app.js": ("web/app.js", _SCRIPT),
    "dom.js": ("web/dom.js", _SCRIPT),
    "picture.js": ("web/picture.js", _SCRIPT),
    "structure_list.js": ("web/structure_list.js", _SCRIPT),
    "tools.js": ("web/tools.js", _SCRIPT),
    "niivue.js": ("vendor/niivue.js", _SCRIPT),
}
_BYTES = "application/octet-stream"


def page_resources(scene: ViewerScene) -> dict[str, Resource]:
    """Return all resources of the page of a scene by name.

    Example:
        >>> import numpy as np
        >>> from amcnet.io import volume_from_array
        >>> from amcnet.viewer.viewer_scene import make_scene
        >>> volume = volume_from_array(np.zeros((8, 8, 8), np.uint8), (1.0, 1.0, 1.0))
        >>> "" in page_resources(make_scene(volume, "scan.nrrd"))
        True
    """
    package = files("amcnet.viewer")
    resources = {
        name: Resource(content_type, package.joinpath(path).read_bytes())
        for name, (path, content_type) in _PACKAGED.items()
    }
    data = json.dumps(as_data(scene), allow_nan=False).encode()
    resources["scene.json"] = Resource("application/json", data)
    resources["volume.nii"] = Resource(_BYTES, scene.grid.nifti_image(scene.image))
    for name, labelled in (("labels.nii", scene.labelled), ("compared.nii", scene.compared)):
        if labelled is not None:
            resources[name] = Resource(_BYTES, scene.grid.nifti_labels(labelled.voxels))
    return resources


def as_data(scene: ViewerScene) -> dict[str, Any]:
    """Return the data of a scene without its voxels, for JSON."""
    labelled, compared = scene.labelled, scene.compared
    rows = [] if labelled is None else [_row(one) for one in labelled.structures]
    if compared is not None:
        for row, other, dice in zip(rows, compared.structures, scene.dice, strict=True):
            row["compared"] = {"dice": dice, **_sizes(other)}
    return {
        "volume": scene.name,
        "full_shape": list(scene.full_shape),
        "full_spacing_mm": list(scene.full_spacing_mm),
        "shown_shape": list(scene.grid.shape),
        "to_patient": None if scene.to_patient is None else scene.to_patient.tolist(),
        "doubt": scene.doubt,
        "windows": [
            {"name": one.name, "low": one.low, "high": one.high}
            for one in window_presets(scene.image)
        ],
        "labels": None if labelled is None else labelled.name,
        "compared": None if compared is None else _compared(compared),
        "verdict": None if labelled is None else _verdict(labelled.quality),
        "structures": rows,
    }


def _compared(labelled: Labelled) -> dict[str, Any]:
    return {"name": labelled.name, "severity": labelled.quality.to_dict()["verdict"]}


def _verdict(quality: QualityReport) -> dict[str, Any]:
    named = quality.to_dict()
    general = [f for f in quality.findings if not f.structures or f.kind in NO_HAND_KINDS]
    return {
        "severity": named["verdict"],
        "found": named["found"],
        "expected": named["expected"],
        "messages": [
            {"severity": str(finding.severity), "text": finding.message} for finding in general
        ],
        "unchecked": named["unchecked"],
    }


def _row(one: ShownStructure) -> dict[str, Any]:
    return {
        "label": one.structure.value,
        "name": one.structure.name,
        "kind": one.structure.kind,
        "group": one.structure.group,
        "color_rgb": list(one.structure.color_rgb),
        "severity": str(one.severity),
        "is_doubtful": one.severity > Severity.OK,
        "messages": list(one.messages),
        "predicted_dice": one.predicted_dice,
        "focus_mm": None if one.focus_mm is None else list(one.focus_mm),
        "near": one.near,
        **_sizes(one),
    }


def _sizes(one: ShownStructure) -> dict[str, Any]:
    size, end = one.measurement, one.measurement.growth_end
    return {
        "present": size.present,
        "length_mm": size.length_mm,
        "width_mm": size.width_mm,
        "thickness_mm": size.thickness_mm,
        "volume_mm3": size.volume_mm3,
        "surface_area_mm2": size.surface_area_mm2,
        "growth_end_width_ratio": None if end is None else end.width_ratio,
    }
