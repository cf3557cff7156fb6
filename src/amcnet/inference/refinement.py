"""The second stage: a refiner corrects the boundaries of the first network's labels.

The refiner runs on patches of a fine grid around the boundaries of the first stage and
distinguishes kinds (bone, epiphysis, ...). A voxel is assigned to the nearest structure of its
kind.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from amcnet.bundle import Bundle
from amcnet.bundle.description import REFINER_IR_FILE, RefinerDescription
from amcnet.data.channels import network_input
from amcnet.data.preprocessing import Preprocessing
from amcnet.errors import ModelError
from amcnet.inference.labelling import label_slices
from amcnet.inference.openvino_network import OpenVINONetwork
from amcnet.inference.refinement_evidence import RefinementEvidence, refinement_evidence
from amcnet.inference.refinement_patches import cover, inner_box, patch_margin
from amcnet.io import Volume
from amcnet.labelmaps.kinds import kind_lookup
from amcnet.labelmaps.region import Box
from amcnet.memory import check_room
from amcnet.parallel import processors

_Labels = NDArray[np.uint8]

_REACH_VOXELS = 3  # distance by which the refiner may move a boundary
_NAME_REACH_MM = 3.0  # largest distance of a voxel from the structure to which it is assigned
_SURE = 6.0  # logit of a kind outside the patches
_NEVER = -12.0  # logit of a structure that a voxel cannot belong to
_PLAUSIBLE = 8.0  # a kind counts if its logit is at most this far below the best one of the voxel


@dataclass(frozen=True)
class RefinedLogits:
    """Output of the refiner on the fine grid.

    Attributes:
        logits: float16 (1 + kind, scan, lateral, depth) of the background and of each kind.
        names: uint8 (kind, scan, lateral, depth): label value of a voxel if it belongs to a kind; 0
            if no structure of that kind is near.
        num_classes: Classes of the label table, background included.
        evidence: The refiner's certainty of each structure, and how much it changed the labels.
    """

    logits: NDArray[np.float16]
    names: _Labels
    num_classes: int
    evidence: RefinementEvidence

    def slices(self) -> Iterator[NDArray[np.float32]]:
        """Yield the logits (class, lateral, depth) of all structures, slice by slice."""
        for position in range(self.logits.shape[1]):
            kinds = self.logits[:, position].astype(np.float32)
            plane = np.full((self.num_classes, *kinds.shape[1:]), _NEVER, np.float32)
            plane[0] = kinds[0]
            for kind, names in zip(kinds[1:], self.names[:, position], strict=True):
                rows, columns = np.nonzero(names)
                plane[names[rows, columns], rows, columns] = kind[rows, columns]
            yield plane


def _ignore_evidence(evidence: RefinementEvidence) -> None:
    """Do nothing."""


class BoundaryRefiner:
    """A refiner that is loaded once and corrects any number of label maps.

    Args:
        bundle: A model with a refiner.

    Attributes:
        bundle: The model.
        preprocessing: Preprocessing for the fine grid.

    Raises:
        ModelError: If the bundle has no refiner.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        description = bundle.description
        if description.refiner is None:
            raise ModelError(f"{bundle.folder}: has no refiner, expected a model with one")
        self._network = OpenVINONetwork(bundle.path(REFINER_IR_FILE))
        self._refiner: RefinerDescription = description.refiner
        self._table = description.label_table
        self.preprocessing: Preprocessing = description.preprocessing.model_copy(
            update={"spacing_mm": self._refiner.spacing_mm, "scan_tolerance": 0.0}
        )

    def prepare(self, volumes: Sequence[Volume]) -> NDArray[np.float32]:
        """Resample a volume to the fine grid: float32 (channel, scan, lateral, depth).

        Raises:
            NotEnoughMemoryError: If the fine grid has too many voxels for this machine.
        """
        first = volumes[0]
        grid = self.preprocessing.network_shape(first.array.shape, first.spacing_mm)
        # The image, a copy while it is normalised, and logits, kinds and names.
        check_room("the volume on the refiner's grid", prod(grid) * (8.0 * len(volumes) + 16))
        return network_input(volumes, self.preprocessing)

    def __call__(self, image: NDArray[np.float32], labels: _Labels) -> RefinedLogits:
        """Refine the boundaries of labels.

        Args:
            image: float32 or float16 (channel, scan, lateral, depth) on the fine grid.
            labels: Labels of the first stage on the fine grid, uint8 (scan, lateral, depth).
        """
        kinds = kind_lookup(self._table)[labels]
        count = len(self._refiner.kinds)
        logits = np.zeros((count + 1, *labels.shape), np.float16)
        for kind in range(count + 1):
            logits[kind][kinds == kind] = _SURE
        near = _near_boundaries(kinds)
        boxes = list(cover(near, self._refiner.patch))
        windows = (self._window(box, image, kinds) for box in boxes)
        for box, result in zip(boxes, self._network.logits_of_many(windows), strict=True):
            kept = inner_box(box, kinds.shape, patch_margin(self._refiner.patch))
            part = tuple(
                slice(k.start - b.start, k.stop - b.start) for k, b in zip(kept, box, strict=True)
            )
            target = logits[(slice(None), *kept)]
            np.copyto(target, result[(slice(None), *part)].astype(np.float16), where=near[kept])
        names = _names(labels, kinds, near, logits, self._refiner.spacing_mm)
        classes = self._table.num_classes
        evidence = refinement_evidence(labels, near, logits, names, classes)
        return RefinedLogits(logits, names, classes, evidence)

    def label_slices(
        self,
        image: NDArray[np.float32],
        found: Iterable[_Labels],
        shape: tuple[int, int, int],
        take_evidence: Callable[[RefinementEvidence], None] = _ignore_evidence,
    ) -> Iterator[_Labels]:
        """Yield the labels of every slice of a volume, refined.

        Args:
            image: (channel, scan, lateral, depth) on the fine grid.
            found: Labels of the first stage on the fine grid, slice by slice, uint8 (lateral,
                depth).
            shape: Shape of the volume, (scan, lateral, depth).
            take_evidence: Called once with the refiner's evidence for each structure.

        Yields:
            uint8 (lateral, depth), ``shape[0]`` times.
        """
        refined = self(image, np.stack(list(found)))
        take_evidence(refined.evidence)
        yield from label_slices(refined.slices(), image.shape[1], shape)

    def _window(self, box: Box, image: NDArray[np.float32], kinds: _Labels) -> NDArray[np.float32]:
        """Return the refiner's input on a patch: (channel and kind, scan, lateral, depth)."""
        patch, count = self._refiner.patch, len(self._refiner.kinds)
        channels = len(image)
        window = np.zeros((channels + count, *patch), np.float32)
        # As in training, the border is repeated if the volume is smaller than a patch.
        missing = [
            (0, side - (part.stop - part.start)) for side, part in zip(patch, box, strict=True)
        ]
        window[:channels] = np.pad(image[(slice(None), *box)], [(0, 0), *missing], mode="edge")
        found = np.pad(kinds[box], missing, mode="edge")
        for kind in range(1, count + 1):
            window[channels + kind - 1] = found == kind
        return window


def _near_boundaries(kinds: _Labels) -> NDArray[np.bool_]:
    """Return the voxels that are close enough to a boundary to be refined."""
    edge = np.zeros(kinds.shape, bool)
    for axis in range(3):
        before: list[slice] = [slice(None)] * 3
        after = before.copy()
        before[axis], after[axis] = slice(0, -1), slice(1, None)
        differs = kinds[tuple(before)] != kinds[tuple(after)]
        edge[tuple(before)] |= differs
        edge[tuple(after)] |= differs
    # One box filter per axis is much faster than an iterated dilation.
    size = 2 * _REACH_VOXELS - 1
    for axis in range(3):
        edge = ndimage.maximum_filter1d(edge, size, axis=axis, mode="constant")
    return edge


def _names(
    labels: _Labels,
    kinds: _Labels,
    near: NDArray[np.bool_],
    logits: NDArray[np.float16],
    spacing_mm: tuple[float, float, float],
) -> _Labels:
    """Return the nearest label value of each kind for every voxel, see :class:`RefinedLogits`."""
    names = np.zeros((len(logits) - 1, *labels.shape), np.uint8)
    places: tuple[NDArray[np.intp], ...] = np.nonzero(near)
    values = np.stack([part[places] for part in logits]).astype(np.float32)
    best = values.max(axis=0)
    for kind in range(1, len(logits)):
        own = kinds == kind
        names[kind - 1][own] = labels[own]
        asked = (values[kind] > best - _PLAUSIBLE) & ~own[places]
        to_name = np.column_stack([axis[asked] for axis in places])
        # Only voxels at a boundary can be the nearest ones of their structure.
        known = np.column_stack([axis[own[places]] for axis in places])
        if not len(known) or not len(to_name):
            continue
        tree = KDTree(known * spacing_mm)
        distance, index = tree.query(
            to_name * spacing_mm, distance_upper_bound=_NAME_REACH_MM, workers=processors()
        )
        reached = np.isfinite(distance)
        there, nearest = tuple(to_name[reached].T), tuple(known[index[reached]].T)
        names[kind - 1][there] = labels[nearest]
    return names
