"""Draw the pictures that show what phantoms look like.

    python tools/phantom_pictures.py --out docs/pictures

writes phantom-slices.png, phantom-above.png, phantom-ages.png, phantom-terms.png and
phantom-variety.png, in two to three minutes; --only writes some of them.
"""

import argparse
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.phantom import NETWORK_GRID, Phantom, PhantomConfig, PhantomGrid, make_phantom
from amcnet.phantom.acoustics import TERMS, Acoustics, without
from amcnet.phantom.phantom import draw_phantom
from amcnet.phantom.tissue import Slab, Voxeliser
from amcnet.phantom.ultrasound import render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
LEVELS = {
    "distal phalanges": ("bone", "distal phalanx"),
    "proximal interphalangeal joints": ("epiphysis", "middle phalanx"),
    "proximal phalanges": ("bone", "proximal phalanx"),
    "heads of the metacarpals": ("epiphysis", "metacarpal"),
    "shafts of the metacarpals": ("bone", "metacarpal"),
}
"""Title of a slice -> kind and segment of the structures that it shows."""

AGES_YEARS = (2.5, 5.0, 8.0, 11.0, 15.5)
VARIETY_SEEDS = 12
COARSE_GRID = PhantomGrid((152, *NETWORK_GRID.shape[1:]), (1.118, *NETWORK_GRID.spacing_mm[1:]))
"""The network's plane with every fourth slice, which takes a quarter of the time."""

TERMS_SLICES = 31  # as many as the blur across slices needs, plus some
TERMS_WIDTH_MM = 72.0
TERMS_COLUMNS = 4
CLEARLY_ACTIVE: dict[str, Any] = {
    "frequency_mhz": 10.0,
    "dynamic_range_db": 60.0,
    "gamma": 1.2,
    "gain_db": -10.0,
    "tgc_db_per_cm": 7.0,
    "tgc_sliders_db": (0.0, 0.0, 0.0, 4.0, -6.0, 6.0),
    "skin_echo": 14.0,
    "bone_echo": 3.0,
    "bone_patchiness": 1.0,
    "edge_loss_db": 60.0,
    "shadow_softening_mm": 0.8,
    "psf_axial_mm": 0.25,
    "psf_lateral_mm": 0.7,
    "tail_db": -19.0,
    "tail_mm": 6.0,
    "texture_mm": 1.5,
    "texture_contrast": 0.8,
    "layer_mm": 0.8,
    "layer_contrast": 0.9,
    "ringing_db": -28.0,
    "ringing_mm": 5.0,
    "skin_reverberation_db": -40.0,
    "bone_reverberation_db": -16.0,
    "ghost_db": -40.0,
    "ghost_depths": (0.35, 0.7),
    "haze": 0.2,
    "haze_mm": 5.0,
    "noise_floor": 0.06,
    "noise_spread": 0.8,
    "dots_db": 14.0,
    "dot_rows": 7,
    "flicker_db": 4.0,
    "jitter_mm": 1.5,
    "support_depth_mm": 36.0,
    "support_period_mm": 1.4,
    "support_echo": 0.1,
    "vein_count": 24,
}
"""Settings that make every term visible, most of them beyond the range of a scan."""

WIDTH_INCHES, DPI = 9.0, 100
GREYS = 28  # Speckle hardly compresses: few intensity levels keep the files small.
FILL, FILL_ALONE, TINT = 0.6, 0.85, 0.5  # opacity of labels inside their outlines, and of changes
ADDED, TAKEN = (230, 159, 0), (86, 180, 233)  # orange: brighter with a term; blue: darker
CHANGE_GREY, CHANGE_MM = 7.0, 0.5  # smallest change that is tinted, and its blur

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Page:
    """Shared by all pictures: the label table, the first seed and the number of threads."""

    table: LabelTable
    seed: int
    threads: int

    @cached_property
    def phantom(self) -> Phantom:
        """Return the phantom that most pictures show."""
        return make_phantom(self.seed, threads=self.threads)


@dataclass(frozen=True)
class Window:
    """Some neighbouring slices of a voxelised hand, to render only these."""

    voxeliser: Voxeliser
    first: int
    count: int

    @property
    def grid(self) -> PhantomGrid:
        """The grid of these slices."""
        whole = self.voxeliser.grid
        return PhantomGrid((self.count, *whole.shape[1:]), whole.spacing_mm)

    def slab(self, start: int, stop: int) -> Slab:
        """Return slices counted from the window's first one."""
        return replace(self.voxeliser.slab(self.first + start, self.first + stop), start=start)

    def skin_mm(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the distance to the skin."""
        return self.voxeliser.skin_mm(self.first + start, self.first + stop)

    def beside_slopes(self, start: int, stop: int, reach_mm: float) -> NDArray[np.float32]:
        """Return how near each voxel is to sloping skin."""
        return self.voxeliser.beside_slopes(self.first + start, self.first + stop, reach_mm)


def slice_with(labels: Bytes, values: Sequence[int]) -> int:
    """Return the middle one of the slices that show the most of some structures."""
    present = np.array(
        [np.isin(values, plane, assume_unique=False).sum() for plane in labels[:, ::2, ::2]]
    )
    best = np.flatnonzero(present == present.max())
    return int(best[len(best) // 2])


def fingers_of(table: LabelTable, kind: str, segment: str) -> list[int]:
    """Return the values of one kind and segment in all fingers except the thumb."""
    return [s.value for s in table if (s.kind, s.segment) == (kind, segment) and s.group != "thumb"]


def overlay(labels: Bytes, table: LabelTable, fill: float = FILL) -> NDArray[np.float32]:
    """Return the labels of a plane as (..., RGB and opacity): fills with opaque outlines."""
    rgba = np.zeros((256, 4), np.float32)
    for structure in table:
        rgba[structure.value] = (*(channel / 255 for channel in structure.color_rgb), fill)
    picture = rgba[labels]
    edge = minimum_filter(labels, 3) != maximum_filter(labels, 3)
    picture[edge & (labels > 0), 3] = 1
    return picture


def tinted_change(whole: Bytes, without_term: Bytes, grid: PhantomGrid) -> NDArray[np.float32]:
    """Return where a term brightens or darkens a slice, as (..., RGB and opacity)."""
    change = whole.astype(np.float32) - without_term
    change = gaussian_filter(change, [CHANGE_MM / mm for mm in grid.spacing_mm[1:]])
    picture = np.zeros((*change.shape, 4), np.float32)
    for colour, where in ((ADDED, change > CHANGE_GREY), (TAKEN, change < -CHANGE_GREY)):
        picture[where] = (*(channel / 255 for channel in colour), TINT)
    return picture


def first_labels(labels: Bytes) -> Bytes:
    """Return the first label along depth of each (scan, lateral) column."""
    first = np.argmax(labels > 0, axis=2)
    return np.take_along_axis(labels, first[..., None], axis=2)[..., 0]


def draw_slices(page: Page) -> "Figure":
    """Draw transverse slices from fingertips to metacarpals: greyscale, and with labels."""
    phantom = page.phantom
    figure = new_figure(8.6)
    panels = figure.subplots(len(LEVELS), 2, sharex=True, sharey=True)
    for row, (title, wanted) in zip(panels, LEVELS.items(), strict=True):
        index = slice_with(phantom.labels, fingers_of(page.table, *wanted))
        for axes in row:
            show_plane(axes, phantom.image[index], phantom.spacing_mm)
        show_plane(row[1], overlay(phantom.labels[index], page.table), phantom.spacing_mm)
        position_mm = index * phantom.spacing_mm[0]
        row[0].set_title(f"{title}, scan {position_mm:.0f} mm", fontsize=10, loc="left")
        row[0].set_ylabel("depth, mm")
    panels[0, 1].set_title("with labels", fontsize=10, loc="left")
    for axes in panels[-1]:
        axes.set_xlabel("lateral, mm")
    figure.suptitle(_who(phantom), fontsize=12)
    return figure


def draw_above(page: Page) -> "Figure":
    """Draw the hand from above: its echoes, and its labels."""
    phantom = page.phantom
    figure = new_figure(6.2)
    grey, labelled = figure.subplots(1, 2, sharey=True)
    mean = phantom.image.mean(axis=2, dtype=np.float32)
    show_above(grey, mean, phantom.spacing_mm, vmax=float(np.percentile(mean, 99.5)))
    show_above(
        labelled, overlay(first_labels(phantom.labels), page.table, FILL_ALONE), phantom.spacing_mm
    )
    labelled.set_facecolor("black")
    grey.set_title("image, mean over depth", fontsize=10, loc="left")
    labelled.set_title("labels, the first one from above", fontsize=10, loc="left")
    grey.set_ylabel("scan, mm")
    for axes in (grey, labelled):
        axes.set_xlabel("lateral, mm")
    figure.suptitle(_who(phantom), fontsize=12)
    return figure


def draw_ages(page: Page) -> "Figure":
    """Draw the labels of one seed at several ages, from above."""
    figure = new_figure(3.1)
    panels = figure.subplots(1, len(AGES_YEARS), sharey=True)
    for axes, age in zip(panels, AGES_YEARS, strict=True):
        config = PhantomConfig(COARSE_GRID, age_years=(age, age))
        phantom = make_phantom(page.seed, config, page.threads)
        show_above(
            axes, overlay(first_labels(phantom.labels), page.table, FILL_ALONE), phantom.spacing_mm
        )
        axes.set_facecolor("black")
        found = np.count_nonzero(np.bincount(phantom.labels.ravel(), minlength=256)[1:])
        hand = phantom.hand
        axes.set_title(f"{hand.age_years:.1f} years, {hand.sex}\n{found} structures", fontsize=10)
        axes.set_xlabel("lateral, mm")
    panels[0].set_ylabel("scan, mm")
    return figure


def draw_terms(page: Page) -> "Figure":
    """Draw one slice with each term of the ultrasound switched off."""
    hand, drawn = draw_phantom(page.seed, PhantomConfig())
    acoustics = replace(drawn, **CLEARLY_ACTIVE)
    labels = page.phantom.labels
    shown = fingers_of(page.table, *LEVELS["proximal phalanges"])
    index = slice_with(labels, shown)
    window = Window(Voxeliser(hand, NETWORK_GRID), index - TERMS_SLICES // 2, TERMS_SLICES)
    whole = _rendered(window, acoustics, page)
    images = {term: _rendered(window, without(acoustics, term), page) for term in TERMS}
    # Two terms move or brighten whole slices: show a slice in which both do.
    best = most_changed(whole, [images["flicker"], images["jitter"]])
    middle_mm = _middle_mm(np.isin(labels[index], shown))
    titled = {"all terms": whole, **{f"no {term}": image for term, image in images.items()}}
    rows = -(-len(titled) // TERMS_COLUMNS)
    figure = new_figure(1.7 * rows)
    panels = figure.subplots(rows, TERMS_COLUMNS, sharex=True, sharey=True).ravel()
    for axes, (title, image) in zip(panels, titled.items(), strict=False):
        show_plane(axes, image[best], NETWORK_GRID.spacing_mm)
        tint = tinted_change(whole[best], image[best], NETWORK_GRID)
        show_plane(axes, tint, NETWORK_GRID.spacing_mm)
        axes.set_title(title, fontsize=11, weight="bold" if image is whole else None)
        axes.set_xlim(middle_mm - TERMS_WIDTH_MM / 2, middle_mm + TERMS_WIDTH_MM / 2)
    for axes in panels:
        axes.set_axis_off()
    figure.text(0.76, 0.075, "orange: the term brightens\nblue: the term darkens", fontsize=11)
    return figure


def draw_variety(page: Page) -> "Figure":
    """Draw a slice through the middle of each of several hands of the variety ``full``."""
    columns = 3
    figure = new_figure(5.2)
    panels = figure.subplots(VARIETY_SEEDS // columns, columns, sharex=True, sharey=True)
    wanted = fingers_of(page.table, *LEVELS["proximal phalanges"])
    for axes, seed in zip(panels.ravel(), range(page.seed, page.seed + VARIETY_SEEDS), strict=True):
        phantom = make_phantom(seed, PhantomConfig(COARSE_GRID, "full"), page.threads)
        show_plane(axes, phantom.image[slice_with(phantom.labels, wanted)], phantom.spacing_mm)
        hand = phantom.hand
        title = f"{seed}: {hand.sex}, {hand.age_years:.1f} years, {hand.side}"
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    return figure


PICTURES: dict[str, Callable[[Page], "Figure"]] = {
    "slices": draw_slices,
    "above": draw_above,
    "ages": draw_ages,
    "terms": draw_terms,
    "variety": draw_variety,
}


def new_figure(height_inches: float) -> "Figure":
    """Return an empty figure as wide as a page."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_INCHES, height_inches), dpi=DPI, layout="constrained")


def show_plane(axes: "Axes", plane: NDArray[Any], spacing_mm: tuple[float, float, float]) -> None:
    """Show a transverse slice, (lateral, depth, ...), with the probe at the top."""
    lateral, depth = (n * mm for n, mm in zip(plane.shape, spacing_mm[1:], strict=False))
    _show(axes, plane.swapaxes(0, 1), (0, lateral, depth, 0))


def show_above(
    axes: "Axes", plane: NDArray[Any], spacing_mm: tuple[float, float, float], vmax: float = 255
) -> None:
    """Show a view from above, (scan, lateral, ...), with the fingertips at the top."""
    scan, lateral = (n * mm for n, mm in zip(plane.shape, spacing_mm[:2], strict=False))
    _show(axes, plane, (0, lateral, scan, 0), vmax)


def _show(
    axes: "Axes", plane: NDArray[Any], extent_mm: tuple[float, ...], vmax: float = 255
) -> None:
    axes.imshow(
        plane, cmap="gray", vmin=0, vmax=vmax, extent=extent_mm, interpolation="antialiased"
    )
    axes.tick_params(labelsize=9)


def write_png(figure: "Figure", path: Path, colours: list[int]) -> None:
    """Write a figure with few colours, as the smallest PNG that Pillow can make."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    few = Image.new("P", (1, 1))
    few.putpalette(colours)
    with Image.open(buffer) as picture:
        indexed = picture.convert("RGB").quantize(palette=few, dither=Image.Dither.NONE)
    indexed.save(path, optimize=True)


def label_colours(table: LabelTable) -> list[int]:
    """Return at most 256 colours, as red, green, blue, red...: greys, and labels over grey."""
    over = [(1, 0), (FILL_ALONE, 0), *((FILL, grey) for grey in (0, 85, 170, 255))]
    return _colours([structure.color_rgb for structure in table], over)


def change_colours() -> list[int]:
    """Return at most 256 colours, as red, green, blue, red...: greys, and changes over grey."""
    return _colours([ADDED, TAKEN], [(TINT, grey) for grey in np.linspace(0, 255, GREYS)])


def _colours(
    colours: Sequence[tuple[int, int, int]], over: Sequence[tuple[float, float]]
) -> list[int]:
    """Return greys, and colours with some opacities over some greys."""
    found = [np.full(3, grey) for grey in np.linspace(0, 255, GREYS)]
    for colour in colours:
        found += [opacity * np.array(colour) + (1 - opacity) * grey for opacity, grey in over]
    return [int(channel) for channel in np.round(found).ravel()]


def most_changed(whole: Bytes, images: Sequence[Bytes]) -> int:
    """Return the slice in which all of some images differ most from the complete one."""
    changes = [np.abs(whole.astype(int) - image).mean(axis=(1, 2)) for image in images]
    return int(np.argmax(np.prod(changes, axis=0)))


def _rendered(window: Window, acoustics: Acoustics, page: Page) -> Bytes:
    image, _ = render(window, acoustics, page.seed, page.threads)  # type: ignore[arg-type]
    return image


def _middle_mm(mask: NDArray[np.bool_]) -> float:
    return float(np.flatnonzero(mask.any(axis=1)).mean()) * NETWORK_GRID.spacing_mm[1]


def _who(phantom: Phantom) -> str:
    hand = phantom.hand
    return f"Phantom {phantom.seed}: {hand.side} hand, {hand.sex}, {hand.age_years:.1f} years"


def main() -> None:
    """Run from the command line."""
    processors = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--seed", type=int, default=800_000)
    parser.add_argument("--threads", type=int, default=processors)
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=list(PICTURES))
    arguments = parser.parse_args()
    page = Page(hand_label_table(), arguments.seed, arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        path = arguments.out / f"phantom-{name}.png"
        colours = change_colours() if name == "terms" else label_colours(page.table)
        write_png(PICTURES[name](page), path, colours)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
