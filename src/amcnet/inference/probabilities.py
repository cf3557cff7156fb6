"""A file with the probabilities of all classes, written slice by slice and read lazily."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.data.resampling import resample_image
from amcnet.errors import InputError
from amcnet.io import Geometry, Volume, atomic_path
from amcnet.io.input_files import check_regular_file
from amcnet.io.small_files import read_json
from amcnet.io.verified_files import verified_file, write_verified
from amcnet.short_repr import short_repr

EXTENSION = ".probabilities.npy"
_AXES = ["scan", "class", "lateral", "depth"]


@dataclass(frozen=True)
class Probabilities:
    """Probabilities of a segmented volume.

    Attributes:
        array: float16 (scan, class, lateral, depth) on the network's grid, class 0 is background.
            It covers the field of view of the volume and is memory-mapped from disk.
        names: Name of each class.
        geometry: Grid of the volume that was segmented.

    Example:
        >>> half = np.full((2, 2, 4, 4), 0.5, np.float16)
        >>> grid = Geometry.canonical((2, 4, 4), (1.0, 1.0, 1.0))
        >>> femur = Probabilities(half, ("background", "femur"), grid).structure("femur")
        >>> femur.array.shape, float(femur.array.max())
        ((2, 4, 4), 0.5)
    """

    array: NDArray[np.float16]
    names: tuple[str, ...]
    geometry: Geometry
    __repr__ = short_repr

    def structure(self, name: str) -> Volume:
        """Return the probability of one class on the grid of the volume, interpolated linearly.

        Raises:
            InputError: If there is no such class.
        """
        if name not in self.names:
            raise InputError(f"structure: found '{name}', expected one of {list(self.names)}")
        own = self.array[:, self.names.index(name)]
        return Volume(resample_image(own, self.geometry.canonical_shape), self.geometry)


def read_probabilities(path: str | Path) -> Probabilities:
    """Open a file of probabilities, whose ``.json`` must be in the same folder.

    Raises:
        InputError: If one of the two is missing or damaged.

    Example:
        >>> grid = Geometry.canonical((1, 2, 2), (1.0, 1.0, 1.0))
        >>> table = LabelTable.from_names(["femur"])
        >>> with probability_file("a.probabilities.npy", (1, 2, 2), grid, table) as write_slice:
        ...     write_slice(np.zeros((2, 2, 2), np.float32))  # logits of background and femur
        >>> found = read_probabilities("a.probabilities.npy")
        >>> found.names, found.array[0, 1].tolist()
        (('background', 'femur'), [[0.5, 0.5], [0.5, 0.5]])
    """
    path = Path(path)
    try:
        about = read_json(_sidecar(path), "the description of probabilities")
        check_regular_file(path, "probabilities")
        array = np.load(path, mmap_mode="r")
        grid = {k: tuple(v) for k, v in about["geometry"].items()}
        names, geometry = tuple(about["classes"]), Geometry(**grid)
        if array.dtype != np.float16 or array.ndim != 4 or array.shape[1] != len(names):
            raise ValueError(f"{array.dtype} of shape {array.shape} for {len(names)} classes")
        if len(geometry.size) != 3:
            raise ValueError(f"a grid of {len(geometry.size)} axes")
        return Probabilities(array, names, geometry)
    except (
        OSError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ) as error:
        raise InputError(
            f"{path}: cannot be read, expected probabilities and their .json ({error})"
        ) from error


@contextmanager
def probability_file(
    path: str | Path, shape: tuple[int, ...], geometry: Geometry, table: LabelTable
) -> Iterator[Callable[[NDArray[np.float32]], None]]:
    """Write the probabilities of a volume slice by slice, without keeping them in memory.

    Args:
        path: The ``.npy`` file; a ``.json`` of the same name describes it.
        shape: Shape of the network's grid, (scan, lateral, depth).
        geometry: Grid of the volume that is being segmented.
        table: Label table of its structures.

    Yields:
        A function that takes the logits (class, lateral, depth) of the next slice.

    Raises:
        OutputError: If the files cannot be written; no partial file remains.
    """
    path = Path(path)
    scan, lateral, depth = shape
    header = {
        "descr": npy.dtype_to_descr(np.dtype(np.float16)),
        "fortran_order": False,
        "shape": (scan, table.num_classes, lateral, depth),
    }
    about = {
        "axes": _AXES,
        "classes": ["background", *(structure.name for structure in table)],
        "geometry": asdict(geometry),
    }
    with atomic_path(path) as temporary, atomic_path(_sidecar(path)) as sidecar:
        write_verified(sidecar, json.dumps(about, indent=1) + "\n")
        with verified_file(temporary) as file:
            npy.write_array_header_1_0(file, header)

            def write(logits: NDArray[np.float32]) -> None:
                file.write(_softmax(logits).astype(np.float16).tobytes())

            yield write


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities (class, ...) of logits."""
    powers: NDArray[np.float32] = np.exp(logits - logits.max(axis=0))
    powers /= powers.sum(axis=0)
    return powers


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".json")
