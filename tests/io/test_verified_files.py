"""Files whose size and last bytes are compared with what was written."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

from amcnet.io.verified_files import RecordedFile, verified_file, write_verified

TAIL = 1 << 16


def test_texts_and_bytes_are_stored_as_they_are(tmp_path: Path) -> None:
    write_verified(tmp_path / "a.csv", "ä,b\r\n1,2\n")
    assert (tmp_path / "a.csv").read_bytes() == "ä,b\r\n1,2\n".encode()
    write_verified(tmp_path / "a.bin", b"\0\xff")
    assert (tmp_path / "a.bin").read_bytes() == b"\0\xff"


@pytest.mark.parametrize("seed", range(20))
def test_what_is_recorded_is_what_a_file_in_memory_has(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = io.BytesIO()
    with (tmp_path / "a.bin").open("wb") as file:
        compare(RecordedFile(file), reference, rng)
    assert (tmp_path / "a.bin").read_bytes() == reference.getvalue()


def compare(recorded: RecordedFile, reference: io.BytesIO, rng: np.random.Generator) -> None:
    for _ in range(40):
        if rng.random() < 0.3:  # go back, or leave a gap
            place = int(rng.integers(0, len(reference.getvalue()) + 100))
            reference.seek(place)
            assert recorded.seek(place) == place
        content = rng.bytes(int(rng.integers(0, 2 * TAIL if rng.random() < 0.2 else 300)))
        reference.write(content)
        recorded.write(content)
        assert recorded.tell() == reference.tell()
    everything = reference.getvalue()
    assert recorded.num_bytes == len(everything)
    kept = len(recorded.last)
    assert kept >= min(TAIL, len(everything)) or kept == 0
    assert recorded.last == everything[len(everything) - kept :]


def test_a_gap_that_a_lost_write_leaves_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"

    def write() -> None:
        with verified_file(path) as file:
            file.write(b"lost" * 100)
            file.flush()
            os.truncate(path, 0)
            file.seek(0)

    with pytest.raises(OSError, match="0 of 400 bytes were stored"):
        write()


def test_a_file_that_is_changed_at_its_start_later_is_verified(tmp_path: Path) -> None:
    with verified_file(tmp_path / "a.bin") as file:
        file.write(b"????" + b"x" * 100)
        file.seek(0)
        file.write(b"done")
    assert (tmp_path / "a.bin").read_bytes() == b"done" + b"x" * 100
