"""Label maps reduced to the kinds of their structures, such as bones and epiphyses."""

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import IGNORE, LabelTable


def kind_lookup(table: LabelTable) -> NDArray[np.uint8]:
    """Return the kind of every label value, as an array of 256 entries to index with labels.

    Kinds are numbered from 1 in the order of ``table.kinds``; the background is 0. The value of
    ignored voxels (:data:`amcnet.anatomy.IGNORE`) is kept.

    Example:
        >>> from amcnet.anatomy import LabelTable, Structure
        >>> table = LabelTable(
        ...     (Structure(1, "shaft", "bone"), Structure(2, "cap", "epiphysis"))
        ... )
        >>> kind_lookup(table)[np.array([0, 2, 1], np.uint8)].tolist()
        [0, 2, 1]
    """
    lookup = np.zeros(256, np.uint8)
    for structure in table:
        lookup[structure.value] = table.kinds.index(structure.kind) + 1
    lookup[IGNORE] = IGNORE
    return lookup
