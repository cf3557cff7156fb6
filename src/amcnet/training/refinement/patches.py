"""Patches around boundaries: image, predicted kinds, and true kinds."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from amcnet.anatomy import IGNORE, LabelTable
from amcnet.data.prepared_store import PreparedCase
from amcnet.errors import InputError
from amcnet.labelmaps.kinds import kind_lookup
from amcnet.labelmaps.region import Box
from amcnet.training.refinement.damage import damaged, resized
from amcnet.training.refinement.first_stage import centres_path, label_path, read_first_stage
from amcnet.training.transforms.intensity import transform_intensity
from amcnet.training.transforms.label_to_image import synthesise_image
from amcnet.training.transforms.random_stream import WindowRandom
from amcnet.training.transforms.scan_variation import recluster
from amcnet.training.transforms.settings import AugmentationConfig

_Scalar = TypeVar("_Scalar", bound=np.generic)

_AXES = ("scan", "lateral", "depth")
_JITTER = 0.25  # fraction of the patch: largest distance of its centre from the boundary


class PatchBatch(NamedTuple):
    """A batch of patches.

    Attributes:
        patch: Float (batch, channel, scan, lateral, depth): image and one-hot kinds, the input of
            :class:`amcnet.networks.refiner.Refiner`.
        kinds: int64 (batch, scan, lateral, depth): the true kinds.
    """

    patch: Tensor
    kinds: Tensor


@dataclass(frozen=True)
class RefinementCase:
    """A case whose first-stage labels are in the run folder."""

    case: PreparedCase
    folder: Path

    def centres(self) -> NDArray[np.int16]:
        """Return the boundary voxels, see :func:`boundary_centres`.

        Raises:
            InputError: If they cannot be read, or lie outside the volume.
        """
        path = centres_path(self.folder, self.case.name)
        centres: NDArray[np.int16] = np.array(read_first_stage(path))
        classes = self.case.counts.shape[1]
        limits = (classes, *self.case.shape)
        if centres.dtype != np.int16 or centres.ndim != 2 or centres.shape[1] != len(limits):
            raise InputError(f"{path}: holds {centres.dtype} {centres.shape}, expected positions")
        if (centres < 0).any() or (centres >= limits).any():
            raise InputError(f"{path}: has positions outside the volume of {self.case.shape}")
        return centres

    def cut(self, box: Box) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
        """Return image (channel, ...), true labels and first-stage labels of a box."""
        scan, lateral, depth = box
        image, truth = self.case.slab(scan.start, scan.stop - scan.start)
        path = label_path(self.folder, self.case.name)
        labels = read_first_stage(path)
        if labels.shape != self.case.shape or labels.dtype != np.uint8:
            raise InputError(
                f"{path}: holds {labels.dtype} {labels.shape}, expected labels {self.case.shape}"
            )
        found = np.array(labels[box])
        if found.max(initial=0) >= self.case.counts.shape[1]:
            raise InputError(f"{path}: has label {found.max()}, which is no structure")
        return image[:, :, lateral, depth], truth[:, lateral, depth], found


@dataclass(frozen=True)
class PatchOptions:
    """Options for drawing patches.

    Attributes:
        shape: Voxels along (scan, lateral, depth).
        damaged_share: Share of patches with damaged reference labels instead of first-stage labels.
        resized_share: Share of patches in which all these labels are too large or too small.
        augmentation: Mirroring and intensity transforms; None for no augmentation.
        spacing_mm: Spacing of the fine grid.
        seed: Determines every patch together with its number.
    """

    shape: tuple[int, int, int]
    damaged_share: float
    resized_share: float
    augmentation: AugmentationConfig | None
    spacing_mm: tuple[float, float, float]
    seed: int


class BoundaryPatches(Dataset[PatchBatch]):
    """All patches of a run; patch ``i`` is the same in every run.

    A kind, a structure of this kind, and a voxel on its boundary are drawn in turn, each with equal
    probability, so small and rare structures are seen as often as large ones.

    Raises:
        IndexError: If no case has a structure.
    """

    def __init__(
        self, cases: tuple[RefinementCase, ...], table: LabelTable, options: PatchOptions
    ) -> None:
        self.options = options
        self.kinds = len(table.kinds)
        self._lookup = kind_lookup(table)
        with_centres = [(case, case.centres()) for case in cases]
        self._cases = [(case, centres) for case, centres in with_centres if len(centres)]

    def __getitem__(self, index: int) -> PatchBatch:
        options = self.options
        rng = default_rng(SeedSequence(options.seed, spawn_key=(index,)))
        case, centres = self._cases[rng.integers(len(self._cases))]
        box = _box_around(self._centre(centres, rng), case.case.shape, options.shape, rng)
        image, truth, found = case.cut(box)
        image, truth = _padded(image, options.shape), _padded(truth, options.shape)
        found = _padded(found, options.shape)
        if rng.random() < options.damaged_share:
            found = damaged(np.where(truth == IGNORE, 0, truth).astype(np.uint8), rng)
        if rng.random() < options.resized_share:
            found = resized(found, options.spacing_mm, rng)
        pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32))
        kinds = torch.from_numpy(np.stack([self._lookup[found], self._lookup[truth]]))
        settings = options.augmentation
        if settings is not None:
            random = WindowRandom(int(rng.integers(2**32)), pixels.device)
            for axis, name in enumerate(_AXES):
                if name in settings.mirror_axes and random.chance(settings.mirror_probability):
                    pixels, kinds = pixels.flip(axis + 1), kinds.flip(axis + 1)
            pixels = self._with_other_appearance(pixels, kinds[1], settings, random)
            pixels = transform_intensity(pixels, settings, random, options.spacing_mm)
        return PatchBatch(patch_input(pixels, kinds[0], self.kinds), kinds[1].long())

    def _with_other_appearance(
        self, pixels: Tensor, truth: Tensor, settings: AugmentationConfig, random: WindowRandom
    ) -> Tensor:
        """Blend in an image of the true kinds, and give clusters of tissue other intensities."""
        spacing_mm = self.options.spacing_mm
        if random.chance(settings.label_to_image_probability):
            labels = truth.to(torch.uint8)
            share = random.uniform(0, 1)
            pixels = torch.lerp(pixels, synthesise_image(labels, random, spacing_mm), share)
        if random.chance(settings.scan_variation_probability):
            pixels = recluster(pixels, random, spacing_mm)
        return pixels

    def _centre(self, centres: NDArray[np.int16], rng: Generator) -> NDArray[np.int16]:
        values = np.unique(centres[:, 0])
        kinds = self._lookup[values]
        kind = rng.choice(np.unique(kinds))
        value = rng.choice(values[kinds == kind])
        own = centres[centres[:, 0] == value]
        place: NDArray[np.int16] = own[rng.integers(len(own)), 1:]
        return place


def patch_input(image: Tensor, kinds: Tensor, count: int) -> Tensor:
    """Return the input of a refiner.

    Args:
        image: (channel, scan, lateral, depth).
        kinds: uint8 (scan, lateral, depth), 0 to ``count``.
        count: Number of kinds.
    """
    one_hot = functional.one_hot(kinds.long(), count + 1)[..., 1:]
    return torch.cat((image, one_hot.movedim(-1, 0).to(image.dtype)))


def collate_patches(patches: list[PatchBatch]) -> PatchBatch:
    """Stack patches."""
    return PatchBatch(*(torch.stack(parts) for parts in zip(*patches, strict=True)))


def _box_around(
    centre: NDArray[np.int16],
    shape: tuple[int, int, int],
    size: tuple[int, int, int],
    rng: Generator,
) -> Box:
    """Return a box of the given size, or as much of it as the volume has, near a voxel."""
    slices = []
    for middle, length, side in zip(centre.tolist(), shape, size, strict=True):
        offset = round(float(rng.uniform(-_JITTER, _JITTER)) * side)
        first = max(0, min(middle + offset - side // 2, length - side))
        slices.append(slice(first, min(first + side, length)))
    return slices[0], slices[1], slices[2]


def _padded(array: NDArray[_Scalar], shape: tuple[int, int, int]) -> NDArray[_Scalar]:
    """Repeat the far border if a volume is smaller than a patch."""
    missing = [(0, side - n) for n, side in zip(array.shape[-3:], shape, strict=True)]
    if not any(after for _, after in missing):
        return array
    return np.pad(array, [(0, 0)] * (array.ndim - 3) + missing, mode="edge")
