"""Which structures consist of several components in the training data."""

from collections import Counter
from collections.abc import Sequence

from amcnet.data.prepared_store import PreparedCase
from amcnet.labelmaps.connected_components import find_components
from amcnet.labelmaps.run_length import RunLengthEncoder

_MOST_CASES = 20  # that are examined
_REST = 0.05  # share of a structure outside its largest component that is more than a speck
_OFTEN = 0.2  # share of the cases with such components
_SLAB = 64


def several_components(
    cases: Sequence[PreparedCase], spacing_mm: tuple[float, float, float], structures: int
) -> tuple[int, ...]:
    """Return the values of structures that often have more than one connected component.

    The clean-up, which keeps one component of a structure, must skip these: otherwise, one of two
    bones that are both called *bone* would be removed.

    Args:
        cases: Cases on the network's grid; the first twenty are examined.
        spacing_mm: Spacing of that grid.
        structures: Number of structures; higher values are ignored voxels.
    """
    present: Counter[int] = Counter()
    split: Counter[int] = Counter()
    for case in cases[:_MOST_CASES]:
        encoder = RunLengthEncoder()
        for start in range(0, case.shape[0], _SLAB):
            _, labels = case.slab(start, min(_SLAB, case.shape[0] - start))
            for plane in labels:
                encoder.add(plane)
        found = find_components(encoder.runs(), spacing_mm)
        for value in range(1, structures + 1):
            voxels = found.voxels[found.value == value]
            if voxels.size:
                present[value] += 1
                split[value] += bool(voxels.max() < (1 - _REST) * voxels.sum())
    return tuple(value for value in sorted(present) if split[value] >= _OFTEN * present[value])
