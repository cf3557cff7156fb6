from pathlib import Path

import numpy as np
import psutil
import pytest

from amcnet import memory
from amcnet.errors import NotEnoughMemoryError
from amcnet.io import Geometry, read_volume, write_image
from amcnet.memory import available_bytes, check_room


def test_available_memory_is_what_the_machine_says() -> None:
    assert 0 < available_bytes() <= psutil.virtual_memory().total


def test_a_container_may_have_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CONTAINER_FOLDER", tmp_path)
    without = available_bytes()
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("2000\n")
    (tmp_path / "memory.stat").write_text("anon 1100\ninactive_file 600\nactive_file 100\n")
    assert available_bytes() == 3700
    (tmp_path / "memory.max").write_text("max\n")
    assert available_bytes() == pytest.approx(without, rel=0.5)


def test_what_fits_and_what_does_not() -> None:
    check_room("a byte", 1)
    with pytest.raises(NotEnoughMemoryError, match=r"the sky needs 931322.6 GiB .*, found \d"):
        check_room("the sky", 1e15)


def test_a_file_is_measured_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image.nrrd"
    shape = (20, 30, 40)
    write_image(path, np.zeros(shape, np.int16), Geometry.canonical(shape, (1, 1, 1)))
    monkeypatch.setattr(memory, "_CONTAINER_FOLDER", tmp_path)
    (tmp_path / "memory.stat").write_text("")
    (tmp_path / "memory.current").write_text("0")
    limit = tmp_path / "memory.max"
    limit.write_text(str(2 * 2 * 20 * 30 * 40))
    assert read_volume(path).array.shape == shape
    limit.write_text(str(2 * 2 * 20 * 30 * 40 - 1))
    with pytest.raises(NotEnoughMemoryError, match=r"image\.nrrd needs 0\.0 GiB"):
        read_volume(path)
