"""Errors of the measurements on solids of known sizes, rotated in the grid.

    python benchmarks/measurement.py
    python benchmarks/measurement.py --volume datasets/full-grid/labelsTr/hand_800100.nrrd

prints tables and writes results/measurement.json, or the file given with --json. Each solid is
measured twelve times along the grid and in twelve random directions, each time at a random position
between the voxels. The target is 1 % or half a voxel, whichever is larger: for an extent half the
voxel's size in its direction; for volume and surface area the change of a box of the solid's size
whose extents are wrong by half a voxel. A label file also gives time and memory, in addition to
those of reading.
"""

import argparse
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from scipy.spatial.transform import Rotation
from scipy.special import ellipeinc, ellipkinc

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.io import read_labels
from amcnet.measurement import measure_structures

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "measurement.json"
SPACINGS_MM = (
    (0.279, 0.26, 0.176),
    (0.279, 0.130, 0.088),
    (0.3, 0.3, 0.3),
    (0.84, 1.3, 0.88),
)
ALONG_GRID, OBLIQUE = 12, 12
ORIENTATIONS = {"along": slice(0, ALONG_GRID), "oblique": slice(ALONG_GRID, None)}
TABLE = LabelTable.from_names(["solid"])
EXTENTS = ("length_mm", "width_mm", "thickness_mm")
BONE_AND_EPIPHYSIS = LabelTable(
    (
        Structure(1, "bone", kind="bone", neighbours=(2,)),
        Structure(2, "epiphysis", kind="epiphysis", neighbours=(1,)),
    )
)
Inside = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Solid:
    """A solid around the origin, with its longest extent along x.

    Attributes:
        size_mm: Its extents along x, y, z.
        volume_mm3: Its volume.
        surface_area_mm2: Its surface area.
        inside: Returns which points (x, y, z in mm) lie in it.
    """

    size_mm: tuple[float, float, float]
    volume_mm3: float
    surface_area_mm2: float
    inside: Inside


def box(a: float, b: float, c: float) -> Solid:
    def inside(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return (abs(x) <= a / 2) & (abs(y) <= b / 2) & (abs(z) <= c / 2)

    return Solid((a, b, c), a * b * c, 2 * (a * b + b * c + c * a), inside)


def ellipsoid(a: float, b: float, c: float) -> Solid:
    """Return an ellipsoid of the diameters a >= b >= c, a > c."""

    def inside(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return (x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 <= 0.25

    angle = np.arccos(c / a)
    modulus = (a**2 * (b**2 - c**2)) / (b**2 * (a**2 - c**2))
    second, first = ellipeinc(angle, modulus), ellipkinc(angle, modulus)
    mixed = second * np.sin(angle) ** 2 + first * np.cos(angle) ** 2
    area = np.pi / 2 * (c**2 + a * b / np.sin(angle) * mixed)
    return Solid((a, b, c), np.pi / 6 * a * b * c, float(area), inside)


def cylinder(length: float, width: float) -> Solid:
    def inside(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return (abs(x) <= length / 2) & (y**2 + z**2 <= width**2 / 4)

    volume, area = np.pi / 4 * width**2 * length, np.pi * width * (length + width / 2)
    return Solid((length, width, width), volume, area, inside)


def capsule(length: float, width: float) -> Solid:
    """Return a cylinder with hemispherical ends, ``length`` in total."""

    def inside(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        beyond = np.maximum(abs(x) - (length - width) / 2, 0)
        return beyond**2 + y**2 + z**2 <= width**2 / 4

    volume = np.pi / 4 * width**2 * (length - width / 3)
    return Solid((length, width, width), volume, np.pi * width * length, inside)


SOLIDS = {
    "ellipsoid 12 x 8 x 5": ellipsoid(12, 8, 5),
    "ellipsoid 8 x 6 x 3": ellipsoid(8, 6, 3),
    "capsule 20 x 5": capsule(20, 5),
    "capsule 8 x 3": capsule(8, 3),
    "cylinder 20 x 5": cylinder(20, 5),
    "cylinder 9 x 4": cylinder(9, 4),
    "box 20 x 8 x 5": box(20, 8, 5),
    "box 20 x 5 x 5": box(20, 5, 5),
    "box 9 x 6 x 2.5": box(9, 6, 2.5),
}


def rasterise(
    inside: Inside, reach_mm: float, rotation: np.ndarray, spacing_mm: tuple[float, ...], seed: int
) -> np.ndarray:
    """Return a mask of the voxels (scan, lateral, depth) whose centre lies in a rotated solid."""
    place = np.random.default_rng(seed).uniform(-0.5, 0.5, 3) * spacing_mm
    counts = np.ceil(reach_mm / np.array(spacing_mm)).astype(int) + 1
    axes = [np.arange(-n, n + 1) * s + p for n, s, p in zip(counts, spacing_mm, place, strict=True)]
    scan, lateral, depth = np.meshgrid(*axes, indexing="ij", sparse=True)
    x, y, z = (scan * r[0] + lateral * r[1] + depth * r[2] for r in rotation.T)
    return inside(x, y, z)


def rotation_of(seed: int) -> np.ndarray:
    """Return a random rotation; the first few seeds leave a solid along the grid."""
    if seed < ALONG_GRID:
        return np.eye(3)
    return Rotation.random(rng=np.random.default_rng(seed)).as_matrix()


def errors_of(solid: Solid, spacing_mm: tuple[float, ...], seed: int) -> dict[str, float]:
    """Measure a solid; return errors of extents in mm, of volume and surface area in per cent."""
    reach_mm = float(np.linalg.norm(solid.size_mm)) / 2
    mask = rasterise(solid.inside, reach_mm, rotation_of(seed), spacing_mm, seed)
    found = measure_structures(mask.astype(np.uint8), spacing_mm, TABLE)[0]
    errors = {
        name: getattr(found, name) - expected
        for name, expected in zip(EXTENTS, solid.size_mm, strict=True)
    }
    for name in ("volume_mm3", "surface_area_mm2"):
        key = f"{name.rsplit('_', 1)[0]}_percent"
        errors[key] = 100 * (getattr(found, name) / getattr(solid, name) - 1)
    return errors


def ratio_error_percent(spacing_mm: tuple[float, ...], seed: int) -> float:
    """Measure a shaft that widens to 8 x 6 mm, with an oval of 6 x 4.5 mm next to its end."""

    def shaft(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        size = 0.6 + 0.4 * np.clip(x / 10, 0, 1) ** 2
        return (abs(x) <= 10) & ((y / 8) ** 2 + (z / 6) ** 2 <= (size / 2) ** 2)

    def oval(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return ((x - 12.5) / 3) ** 2 + (y / 6) ** 2 + (z / 4.5) ** 2 <= 0.25

    def both(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return np.where(oval(x, y, z), 2, shaft(x, y, z)).astype(np.uint8)

    labels = rasterise(both, 14.5, rotation_of(seed), spacing_mm, seed)
    end = measure_structures(labels, spacing_mm, BONE_AND_EPIPHYSIS)[1].growth_end
    return 100 * (end.width_ratio / (6 / 8) - 1)


def limits_of(solid: Solid, spacing_mm: tuple[float, ...], seed: int) -> dict[str, float]:
    """Return the targets: of extents in mm, of volume and surface area in per cent."""
    sizes = np.array(solid.size_mm)
    half = np.array(voxels_mm(spacing_mm, seed)) / 2
    larger = sizes + half
    volume = 100 * (np.prod(larger) / np.prod(sizes) - 1)
    surface = 100 * (box(*larger).surface_area_mm2 / box(*sizes).surface_area_mm2 - 1)
    limits = dict(zip(EXTENTS, np.maximum(sizes / 100, half).tolist(), strict=True))
    return limits | {"volume_percent": max(1, volume), "surface_area_percent": max(1, surface)}


def voxels_mm(spacing_mm: tuple[float, ...], seed: int) -> list[float]:
    """Return a voxel's size along the three axes of a rotated solid."""
    axes = rotation_of(seed).T
    return [float(np.linalg.norm(axis * spacing_mm)) for axis in axes]


def errors_of_all(spacing_mm: tuple[float, ...]) -> dict[str, Any]:
    """Return the errors of each solid along the grid and oblique."""
    seeds = range(ALONG_GRID + OBLIQUE)
    results: dict[str, Any] = {}
    for name, solid in SOLIDS.items():
        found = [errors_of(solid, spacing_mm, seed) for seed in seeds]
        limits = [limits_of(solid, spacing_mm, seed) for seed in seeds]
        voxels = [dict(zip(EXTENTS, voxels_mm(spacing_mm, seed), strict=True)) for seed in seeds]
        sizes = dict(zip(EXTENTS, solid.size_mm, strict=True))
        results[name] = {
            orientation: {
                key: figures(
                    np.array([[f[key], m[key], v.get(key, np.nan)] for f, m, v in rows]),
                    sizes.get(key),
                )
                for key in found[0]
            }
            for orientation, part in ORIENTATIONS.items()
            for rows in [list(zip(found[part], limits[part], voxels[part], strict=True))]
        }
    ratios = [ratio_error_percent(spacing_mm, seed) for seed in seeds]
    ratio = {name: round(max(ratios[part], key=abs), 2) for name, part in ORIENTATIONS.items()}
    return {"solids": results, "ratio_percent": ratio}


def figures(rows: np.ndarray, size_mm: float | None) -> dict[str, float]:
    """Summarise errors: rows of error, target and voxel (the latter two of extents in mm)."""
    error, limit, voxel = rows.T
    worst = int(np.argmax(np.abs(error)))
    summary = {
        "mean": error.mean(),
        "mean_absolute": np.abs(error).mean(),
        "worst": error[worst],
        "within_target": (np.abs(error) <= limit + 1e-9).mean(),
    }
    if size_mm is not None:
        summary["worst_percent"] = 100 * error[worst] / size_mm
        summary["worst_voxels"] = error[worst] / voxel[worst]
    else:
        summary["within_1_percent"] = (np.abs(error) <= 1).mean()
    return {key: round(float(value), 3) for key, value in summary.items()}


def cost_of(path: Path) -> dict[str, Any]:
    """Return time and memory for measuring a label file."""
    table = hand_label_table()
    start = time.perf_counter()
    volume = read_labels(path, table)
    read = time.perf_counter()
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    most = [before]

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    found = measure_structures(volume.array, volume.spacing_mm, table)
    done.set()
    watcher.join()
    return {
        "shape": volume.array.shape,
        "structures": sum(one.present for one in found),
        "read_seconds": round(read - start, 2),
        "measure_seconds": round(time.perf_counter() - read, 2),
        "measure_mib": round((most[0] - before) / 2**20),
    }


def table_of(results: dict[str, Any]) -> str:
    """Return the worst errors as a Markdown table; a pair is along the grid / oblique."""
    heads = ["solid, mm", "length, mm", "width, mm", "thickness, mm", "volume, %", "surface, %"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, one in results["solids"].items():
        cells = [
            " / ".join(f"{one[orientation][key]['worst']:+.2f}" for orientation in ORIENTATIONS)
            for key in one["along"]
        ]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    ratio = " / ".join(f"{value:+.2f}" for value in results["ratio_percent"].values())
    return "\n".join([*lines, f"\nwidth ratio, %: {ratio}"])


def target_table(results: dict[str, Any]) -> str:
    """Return the number of measurements within the target, by the ends of the solids."""
    heads = ["voxel, mm", "solids", "direction", "extents", "volume", "surface"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for key, found in results.items():
        for kind, names in {"round": ("ellipsoid", "capsule"), "flat": ("cylinder", "box")}.items():
            for orientation in ORIENTATIONS:
                chosen = [
                    one[orientation]
                    for name, one in found["solids"].items()
                    if name.startswith(names)
                ]
                shares = [
                    np.mean([one[name]["within_target"] for one in chosen for name in group])
                    for group in (EXTENTS, ("volume_percent",), ("surface_area_percent",))
                ]
                cells = [key.removesuffix(" mm"), kind, orientation]
                cells += [f"{100 * share:.0f} %" for share in shares]
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volume", type=Path)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    for spacing_mm in SPACINGS_MM:
        key = " x ".join(str(s) for s in spacing_mm) + " mm"
        results[key] = errors_of_all(spacing_mm)
        print(f"{key}\n\n{table_of(results[key])}\n", flush=True)
    print(f"Within the target\n\n{target_table(results)}\n", flush=True)
    if arguments.volume:
        results["cost"] = cost_of(arguments.volume)
        print(results["cost"])
    arguments.json.parent.mkdir(exist_ok=True)
    arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
