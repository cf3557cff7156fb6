"""Where surfaces are written."""

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure
from amcnet.errors import InputError, OutputError
from amcnet.mesh import Surface
from amcnet.workflows.mesh import check_mesh_output, write_surfaces

TABLE = LabelTable.from_names(["left ear", "right ear"])
POINTS_MM = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
TRIANGLES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def surface(structure: Structure) -> Surface:
    return Surface(structure, POINTS_MM, TRIANGLES)


@pytest.mark.parametrize("extension", [".stl", ".glb", ".ply", ".vtp"])
def test_folder_gets_a_file_for_each(tmp_path, extension):
    folder = tmp_path / "ears"
    written = write_surfaces(folder, map(surface, TABLE), TABLE, extension)
    assert [s.structure.value for s in written] == [1, 2]
    assert sorted(p.name for p in folder.iterdir()) == [
        f"left_ear{extension}",
        f"right_ear{extension}",
    ]
    with pytest.raises(OutputError, match="already exists"):
        check_mesh_output(folder, TABLE, extension)
    write_surfaces(folder, [surface(TABLE[2])], TABLE, extension, overwrite=True)
    assert [p.name for p in folder.iterdir()] == [f"right_ear{extension}"]
    assert [p.name for p in tmp_path.iterdir()] == ["ears"]


def test_nothing_is_left_where_there_is_nothing_to_write(tmp_path):
    for name in ("folder", "all.glb"):
        with pytest.raises(InputError, match="none of the structures has voxels"):
            write_surfaces(tmp_path / name, [], TABLE)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_refused_before_work(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "left_ear.txt").touch()
    (tmp_path / "file").touch()
    (tmp_path / "all.glb").touch()
    for name, extension, message in (
        ("new", ".obj", "found file type '.obj', expected one of .stl .glb .ply .vtp"),
        ("other", ".stl", "holds 'left_ear.txt', expected a new or empty folder"),
        ("file", ".stl", "is a file, expected a folder"),
        ("all.glb", ".stl", "already exists, use --overwrite"),
        ("one.stl", ".stl", "a .stl holds one surface"),
        ("no/where", ".stl", "does not exist"),
    ):
        with pytest.raises(OutputError, match=message.replace(".", r"\.")):
            check_mesh_output(tmp_path / name, TABLE, extension)
