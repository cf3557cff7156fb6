"""Clean-up of a label map: each structure keeps its largest piece."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def keep_largest_pieces(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Remove all but the largest piece (6-connected) of every label.

    Time and memory go with the number of labelled voxels, not with the size of the volume.

    Args:
        labels: (scan, lateral, depth), contiguous.

    Returns:
        A copy in which every label is one connected piece.
    """
    voxels = np.flatnonzero(labels)
    values = labels.ravel()[voxels]
    piece = _pieces(labels.shape, voxels, values)
    sizes = np.bincount(piece)
    value_of_piece = np.zeros(len(sizes), np.uint8)
    value_of_piece[piece] = values
    kept = np.zeros(len(sizes), bool)
    for value in np.unique(values):
        candidates = np.flatnonzero(value_of_piece == value)
        kept[candidates[sizes[candidates].argmax()]] = True
    cleaned = labels.copy()
    cleaned.ravel()[voxels[~kept[piece]]] = 0
    return cleaned


def _pieces(
    shape: tuple[int, ...], voxels: NDArray[np.intp], values: NDArray[np.uint8]
) -> NDArray[np.int32]:
    """Number the connected pieces of equal value; one number per voxel (sorted flat indices)."""
    nodes, links = [], []
    stride = 1
    for size in reversed(shape):
        following = voxels + stride
        found = np.searchsorted(voxels, following)
        found[found == len(voxels)] = 0
        linked = (voxels[found] == following) & (values[found] == values)
        # The last voxel of a row is not beside the first of the next one.
        linked &= (voxels // stride) % size < size - 1
        nodes.append(np.flatnonzero(linked))
        links.append(found[linked])
        stride *= size
    rows, columns = np.concatenate(nodes), np.concatenate(links)
    count = len(voxels)
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    piece: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return piece
