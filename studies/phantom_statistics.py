"""Compare the intensities of phantoms with those of real slices.

    python studies/phantom_statistics.py --json results/phantom_statistics.json

prints a table and writes the values with --json, and a chart with --plot. All slices with at least
five labelled structures are used. The regions (water, skin, tissue, shadow) come from the anatomy,
which is voxelised again in every fourth of these slices. The ultrasound displaces slices by up to
0.2 mm, so regions are at least this far apart.
"""

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcnet import __version__
from amcnet.phantom import GRIDS, Phantom, PhantomConfig, PhantomGrid, make_phantom
from amcnet.phantom.beam import bone_mask
from amcnet.phantom.phantom import FORMAT, draw_phantom
from amcnet.phantom.tissue import Slab, Tissue, Voxeliser

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PERCENTILES = (25, 50, 75, 90)
REAL_PERCENTILES = {25: (7, 11), 50: (19, 46), 75: (59, 107), 90: (152, 198)}
REAL_REGIONS = {"water": (9, 17), "dorsal tissue": (164, 226), "skin": (255, 255), "shadow": None}
REGION_NOTES = {
    "water": "more than 2 mm above skin that faces the probe",
    "dorsal tissue": "between skin and bone, 0.6 mm away from both",
    "skin": "brightest voxel within 1 mm of the skin, per column that faces the probe",
    "shadow": "2-6 mm below the first voxel of a label",
}
MIN_STRUCTURES = 5
REGION_STEP = 4  # every how many slices
FACING_DEG = 20.0
FEWEST_COMMON_LABELS = 0.8  # share of labelled voxels on which both voxelisations must agree

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class GreyValues:
    """Histogram of intensities in one phantom: whole slices and regions of them."""

    slices: int
    whole: Counts
    regions: dict[str, Counts]


def percentile(counts: Counts, percent: float) -> float:
    """Return a percentile of intensities from their histogram; NaN if it is empty."""
    total = counts.sum()
    if total == 0:
        return float("nan")
    return float(np.searchsorted(np.cumsum(counts), percent / 100 * total))


def moments(counts: Counts) -> tuple[float, float]:
    """Return mean and standard deviation of intensities from their histogram."""
    total = counts.sum()
    if total == 0:
        return float("nan"), float("nan")
    grey = np.arange(len(counts))
    mean = float(grey @ counts / total)
    return mean, float(np.sqrt((grey - mean) ** 2 @ counts / total))


def chosen_slices(labels: NDArray[np.uint8], fewest: int = MIN_STRUCTURES) -> list[int]:
    """Return the slices that contain at least a given number of structures."""
    found = (np.bincount(plane.ravel(), minlength=256)[1:] > 0 for plane in labels)
    return [index for index, present in enumerate(found) if present.sum() >= fewest]


def grey_values(seed: int, grid: PhantomGrid, threads: int = 1) -> GreyValues:
    """Make a phantom and compute the histograms of its intensities."""
    config = PhantomConfig(grid)
    phantom = make_phantom(seed, config, threads)
    slices = chosen_slices(phantom.labels)
    whole = np.bincount(phantom.image[slices].ravel(), minlength=256)
    hand, _ = draw_phantom(seed, config)
    regions = count_regions(phantom, Voxeliser(hand, grid), slices[::REGION_STEP])
    return GreyValues(len(slices), whole, regions)


def count_regions(phantom: Phantom, voxeliser: Voxeliser, slices: list[int]) -> dict[str, Counts]:
    """Compute the histogram of each region in some slices.

    Raises:
        ValueError: If the voxelised hand is not that of the phantom.
    """
    counts = {name: np.zeros(256, np.int64) for name in REAL_REGIONS}
    common = labelled = 0
    for index in slices:
        slab = voxeliser.slab(index, index + 1)
        labels = phantom.labels[index]
        common += int(((slab.labels[0] == labels) & (labels > 0)).sum())
        labelled += int((labels > 0).sum())
        for name, values in regions_of(phantom.image[index], labels, slab, voxeliser.grid).items():
            counts[name] += np.bincount(values, minlength=256)
    if common < FEWEST_COMMON_LABELS * labelled:
        raise ValueError("the hand drawn here differs from the one that make_phantom draws")
    return counts


def regions_of(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], slab: Slab, grid: PhantomGrid
) -> dict[str, NDArray[np.uint8]]:
    """Return the intensities of each region of one slice, (lateral, depth)."""
    depth = grid.axis_mm(2)[None, :]
    tissue = slab.tissue[0]
    skin_mm = first_depth_mm(tissue != Tissue.WATER, grid)[:, None]
    bone_mm = first_depth_mm(bone_mask(tissue), grid)[:, None]
    face_mm = first_depth_mm(labels > 0, grid)[:, None]
    with np.errstate(invalid="ignore"):  # infinity minus infinity next to the hand: not a slope
        slope = np.gradient(skin_mm[:, 0], grid.spacing_mm[1])
    facing = np.isfinite(slope) & (np.abs(slope) < np.tan(np.radians(FACING_DEG)))
    soft = np.isin(tissue, (Tissue.SOFT, Tissue.TENDON)) & np.isfinite(bone_mm)
    at_skin = np.abs(depth - skin_mm) <= 1
    return {
        "water": image[(depth < skin_mm - 2) & facing[:, None]],
        "dorsal tissue": image[soft & (depth > skin_mm + 0.6) & (depth < bone_mm - 0.6)],
        "skin": np.where(at_skin, image, 0).max(axis=1)[facing],
        "shadow": image[(depth > face_mm + 2) & (depth < face_mm + 6)],
    }


def first_depth_mm(inside: NDArray[np.bool_], grid: PhantomGrid) -> NDArray[np.float64]:
    """Return the depth at which each column first enters a mask; infinity if it never does."""
    first = np.argmax(inside, axis=1) * grid.spacing_mm[2]
    return np.where(inside.any(axis=1), first, np.inf)


def summarise(greys: dict[int, GreyValues]) -> dict[str, Any]:
    """Return all values by seed, their medians over seeds, and the values of real slices."""
    seeds = {str(seed): _figures(values) for seed, values in greys.items()}
    found = list(seeds.values())
    medians = {key: median(one["percentiles"][key] for one in found) for key in _keys()}
    regions = {
        name: {
            key: round(float(np.nanmedian([one["regions"][name][key] for one in found])), 1)
            for key in ("mean", "deviation", "median")
        }
        for name in REAL_REGIONS
    }
    inside = {str(p): low <= medians[str(p)] <= high for p, (low, high) in REAL_PERCENTILES.items()}
    return {
        "amcnet": __version__,
        "format": FORMAT,
        "seeds": seeds,
        "median": {"percentiles": medians, "regions": regions},
        "real": {"percentiles": _by_text(REAL_PERCENTILES), "regions": _by_text(REAL_REGIONS)},
        "median_within_real": inside,
        "regions": REGION_NOTES,
    }


def table(results: dict[str, Any]) -> str:
    """Return the values as Markdown tables."""
    regions = list(REAL_REGIONS)
    lines = ["| seed | slices | " + " | ".join((*_keys(), *regions)) + " |"]
    lines.append("|---" * (2 + len(PERCENTILES) + len(regions)) + "|")
    for seed, one in results["seeds"].items():
        lines.append(f"| {seed} | {one['slices']} | " + _cells(one) + " |")
    lines.append("| **median** | | " + _cells(results["median"]) + " |")
    real = (*REAL_PERCENTILES.values(), *REAL_REGIONS.values())
    lines.append("| real | | " + " | ".join(map(_range_text, real)) + " |")
    within = results["median_within_real"].values()
    marks = ("yes" if value else "**no**" for value in within)
    lines.append("| within | | " + " | ".join((*marks, *("" for _ in regions))) + " |")
    notes = "; ".join(f"{name}: {note}" for name, note in REGION_NOTES.items())
    return "\n".join([*lines, "", f"Regions, mean +- standard deviation: {notes}."])


def write_plot(path: Path, greys: dict[int, GreyValues], grid: str) -> None:
    """Draw percentiles of every seed next to those of real slices, and the histogram."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.9), dpi=120, layout="constrained")
    strips, histogram = figure.subplots(1, 2, width_ratios=(1, 1.25))
    _draw_strips(strips, greys)
    _draw_histogram(histogram, greys)
    plural = "phantom" if len(greys) == 1 else "phantoms"
    figure.suptitle(f"Grey values of {len(greys)} {plural}, {grid} grid", fontsize=12)
    figure.savefig(path, pil_kwargs={"optimize": True})


def _draw_strips(axes: "Axes", greys: dict[int, GreyValues]) -> None:
    """Draw one column per percentile: a dot per seed, a bar at their median, the real range."""
    for place, percent in enumerate(PERCENTILES):
        low, high = REAL_PERCENTILES[percent]
        values = [percentile(one.whole, percent) for one in greys.values()]
        beside = place + np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else [place]
        first = place == 0
        axes.fill_between(
            [place - 0.4, place + 0.4], low, high, color="#E69F00", alpha=0.4, linewidth=0,
            label="real slices" if first else None,
        )  # fmt: skip
        axes.scatter(
            beside, values, s=22, color="#0072B2", zorder=3, label="one phantom" if first else None
        )
        axes.plot(
            [place - 0.3, place + 0.3], [median(values)] * 2, color="black", linewidth=2, zorder=4,
            label="median of phantoms" if first else None,
        )  # fmt: skip
    axes.set_xticks(range(len(PERCENTILES)), [f"{p} %" for p in PERCENTILES])
    axes.set(xlabel="percentile of a phantom's voxels", ylabel="grey value", ylim=(0, 260))
    axes.legend(loc="upper left", frameon=False, fontsize=10)
    _bare(axes)


def _draw_histogram(axes: "Axes", greys: dict[int, GreyValues]) -> None:
    width = 8
    shares = np.array(
        [100 * one.whole.reshape(-1, width).sum(axis=1) / one.whole.sum() for one in greys.values()]
    )
    edges = np.arange(0, 257, width)
    low, middle, high = np.percentile(shares, (0, 50, 100), axis=0)
    axes.stairs(high, edges, baseline=low, fill=True, color="#56B4E9", alpha=0.5,
                label="lowest to highest phantom")  # fmt: skip
    axes.stairs(middle, edges, baseline=None, color="#0072B2", linewidth=2, label="median")
    axes.set_yscale("log")
    axes.set(xlabel="grey value", ylabel=f"voxels per {width} grey values, %", xlim=(0, 256))
    axes.set_xticks(range(0, 257, 32))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(loc="upper right", frameon=False, fontsize=10)
    _bare(axes)


def _bare(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _figures(greys: GreyValues) -> dict[str, Any]:
    regions = {}
    for name, counts in greys.regions.items():
        mean, deviation = moments(counts)
        regions[name] = {
            "mean": round(mean, 1),
            "deviation": round(deviation, 1),
            "median": percentile(counts, 50),
            "voxels": int(counts.sum()),
        }
    return {
        "slices": greys.slices,
        "percentiles": {str(p): percentile(greys.whole, p) for p in PERCENTILES},
        "regions": regions,
        "histogram": greys.whole.tolist(),
    }


def _keys() -> tuple[str, ...]:
    return tuple(str(percent) for percent in PERCENTILES)


def _by_text(ranges: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): None if value is None else list(value) for key, value in ranges.items()}


def _cells(one: dict[str, Any]) -> str:
    regions = one["regions"].values()
    cells = [f"{one['percentiles'][key]:.0f}" for key in _keys()]
    return " | ".join(cells + [f"{v['mean']:.0f} +- {v['deviation']:.0f}" for v in regions])


def _range_text(values: tuple[int, int] | None) -> str:
    if values is None:
        return "-"
    low, high = values
    return f"{low}" if low == high else f"{low}-{high}"


def main() -> None:
    """Run from the command line."""
    processors = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--seed", type=int, default=800_000, help="seed of the first one")
    parser.add_argument("--grid", choices=GRIDS, default="network")
    parser.add_argument("--jobs", type=int, default=processors, help="phantoms made at a time")
    parser.add_argument("--json", type=Path, help="file to write the values to")
    parser.add_argument("--plot", type=Path, help="PNG to write the chart to")
    arguments = parser.parse_args()
    for name in ("seeds", "jobs"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name}: found {getattr(arguments, name)}, expected at least 1")
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    grids = [GRIDS[arguments.grid]] * len(seeds)
    jobs = min(arguments.jobs, len(seeds))
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        greys = dict(zip(seeds, pool.map(grey_values, seeds, grids), strict=True))
    results = {"grid": arguments.grid, **summarise(greys)}
    print(table(results))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if arguments.plot is not None:
        write_plot(arguments.plot, greys, arguments.grid)


if __name__ == "__main__":
    main()
