"""Write surfaces: one file each in a folder, or all in one GLB."""

from collections.abc import Callable, Iterable
from pathlib import Path

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError, OutputError
from amcnet.io import check_free, find_extension
from amcnet.io.atomic_files import check_parent, write_atomically
from amcnet.io.atomic_folders import new_folder, put_in_place
from amcnet.io.verified_files import write_verified
from amcnet.labelmaps.selection import mask_names
from amcnet.mesh import Surface, glb_bytes, ply_bytes, stl_bytes, vtp_bytes

MESH_EXTENSIONS = (".stl", ".glb", ".ply", ".vtp")
_ONE_SURFACE = (".stl", ".ply", ".vtp")


def check_mesh_output(
    output: Path, table: LabelTable, extension: str, overwrite: bool = False
) -> None:
    """Check the output of :func:`write_surfaces` before any work.

    Raises:
        OutputError: If the extension is unknown, the parent does not exist or is read-only, or the
            output exists and ``overwrite`` is False; for a folder also if it is a file or contains
            anything but surfaces of the table.

    Example:
        >>> from amcnet.anatomy import LabelTable
        >>> check_mesh_output(Path("hand.glb"), LabelTable.from_names(["femur"]), ".glb")
    """
    if extension not in MESH_EXTENSIONS:
        allowed = " ".join(MESH_EXTENSIONS)
        raise OutputError(f"{output}: found file type '{extension}', expected one of {allowed}")
    if _is_one_file(output):
        check_free(output, overwrite)
        return
    if (named := find_extension(output, _ONE_SURFACE)) is not None:
        raise OutputError(
            f"{output}: a {named} holds one surface, expected a folder or a .glb for all of them"
        )
    check_parent(output.absolute())
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: is a file, expected a folder")
    ours = set(mask_names(table).values())
    for path in output.iterdir() if output.exists() else ():
        # The folder is replaced as a whole, so it must not contain other files.
        if path.is_dir() or path.suffix not in MESH_EXTENSIONS or path.stem not in ours:
            raise OutputError(f"{output}: holds '{path.name}', expected a new or empty folder")
        if not overwrite:
            raise OutputError(f"{output}: already exists, use --overwrite to replace it")


def write_surfaces(
    output: Path,
    surfaces: Iterable[Surface],
    table: LabelTable,
    extension: str = ".stl",
    overwrite: bool = False,
) -> list[Surface]:
    """Write all surfaces, or none on failure.

    Args:
        output: A folder for one ``NAME_OF_THE_STRUCTURE.EXT`` per surface, or a ``.glb`` file for
            all surfaces, one node each.
        surfaces: The surfaces, see :func:`amcnet.mesh.find_surfaces`.
        table: Source of the file names.
        extension: One of :data:`MESH_EXTENSIONS`.
        overwrite: Replace a file, or the surfaces in a folder, as a whole.

    Returns:
        The surfaces that were written.

    Raises:
        OutputError: If the output cannot be written, see :func:`check_mesh_output`.
        InputError: If there is no surface.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io import volume_from_array
        >>> from amcnet.mesh import find_surfaces
        >>> labels = np.zeros((8, 8, 8), np.uint8)
        >>> labels[2:6, 2:6, 2:6] = 1
        >>> table = LabelTable.from_names(["femur"])
        >>> surfaces = find_surfaces(volume_from_array(labels, (1.0, 1.0, 1.0)), table)
        >>> len(write_surfaces(Path("knee"), surfaces, table))
        1
        >>> [path.name for path in Path("knee").iterdir()]
        ['femur.stl']
    """
    check_mesh_output(output, table, extension, overwrite)
    if _is_one_file(output):
        written = _some(surfaces)
        write_atomically(output, glb_bytes(written))
        return written
    folder, names, written = output.resolve(), mask_names(table), []
    with new_folder(folder) as partial:
        for surface in surfaces:
            path = partial / f"{names[surface.structure.value]}{extension}"
            write_verified(path, _CONTENTS[extension](surface))
            written.append(surface)
        _some(written)
        put_in_place(partial, folder, overwrite)
    return written


def _is_one_file(output: Path) -> bool:
    return find_extension(output, (".glb",)) is not None and not output.is_dir()


def _glb_of_one(surface: Surface) -> bytes:
    return glb_bytes([surface])


_CONTENTS: dict[str, Callable[[Surface], bytes]] = {
    ".stl": stl_bytes,
    ".glb": _glb_of_one,
    ".ply": ply_bytes,
    ".vtp": vtp_bytes,
}


def _some(surfaces: Iterable[Surface]) -> list[Surface]:
    found = list(surfaces)
    if not found:
        raise InputError("none of the structures has voxels, expected at least one")
    return found
