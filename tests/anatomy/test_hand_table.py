import csv
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table

STRUCTURES = Path(__file__).parents[3] / "shared" / "structures.csv"
TABLE = hand_label_table()


def chain_of(group: str) -> list[int]:
    return [s.value for s in TABLE if s.group == group]


def lab(color: tuple[int, int, int]) -> np.ndarray:
    srgb = np.array(color) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratio = np.array(to_xyz) @ linear / (0.9505, 1.0, 1.089)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.skipif(not STRUCTURES.exists(), reason="the project's structure table is not here")
def test_table_equals_the_projects_structure_table():
    with STRUCTURES.open(encoding="utf-8", newline="") as file:
        rows = {int(row["label"]): row for row in csv.DictReader(file)}
    rows.pop(0, None)
    assert [s.value for s in TABLE] == sorted(rows)
    for structure in TABLE:
        row = rows[structure.value]
        assert structure.name == row["name"]
        assert structure.kind == row["kind"]
        assert (structure.group, structure.segment) == (row["finger"], row["segment"])
        assert structure.codes["FMA"] == row["fma"]
        assert "UBERON:" + structure.codes["UBERON"] == row["uberon"]


def test_there_are_19_bones_and_19_epiphyses():
    assert TABLE.kinds == ("bone", "epiphysis")
    assert len(TABLE.values_of_kind("bone")) == len(TABLE.values_of_kind("epiphysis")) == 19
    assert TABLE.num_classes == 39


def test_codes_are_numbers_and_all_different():
    for scheme in ("FMA", "UBERON"):
        codes = [s.codes[scheme] for s in TABLE]
        assert all(code.isdigit() for code in codes)
        assert len(set(codes)) == 38


def test_neighbours_are_symmetric():
    pairs = {(s.value, neighbour) for s in TABLE for neighbour in s.neighbours}
    assert pairs == {(b, a) for a, b in pairs}
    assert all(a != b for a, b in pairs)


@pytest.mark.parametrize(
    ("finger", "length"),
    [
        ("thumb", 6),
        ("index finger", 8),
        ("middle finger", 8),
        ("ring finger", 8),
        ("little finger", 8),
    ],
)
def test_each_finger_is_one_chain(finger, length):
    chain = chain_of(finger)
    assert len(chain) == length
    ends = [value for value in chain if len(TABLE[value].neighbours) == 1]
    assert len(ends) == 2
    walked, at = [ends[0]], ends[0]
    while further := [n for n in TABLE[at].neighbours if n not in walked]:
        (at,) = further
        walked.append(at)
    assert sorted(walked) == sorted(chain)


def test_each_epiphysis_is_next_to_its_own_bone():
    for value in TABLE.values_of_kind("epiphysis"):
        epiphysis = TABLE[value]
        bones = [TABLE[n] for n in epiphysis.neighbours]
        own = [b for b in bones if epiphysis.name == f"epiphysis of {b.name}"]
        assert len(own) == 1
        assert (own[0].group, own[0].segment) == (epiphysis.group, epiphysis.segment)


def test_growth_end_is_the_base_except_in_metacarpals_2_to_5():
    for value in TABLE.values_of_kind("epiphysis"):
        epiphysis = TABLE[value]
        reaches_distally = any(TABLE[n].segment != epiphysis.segment for n in epiphysis.neighbours)
        (own,) = [n for n in epiphysis.neighbours if TABLE[n].segment == epiphysis.segment]
        at_head = epiphysis.segment == "metacarpal" and epiphysis.group != "thumb"
        # Values run from distal to proximal.
        assert (value < own) == at_head
        assert reaches_distally or epiphysis.name == "epiphysis of first metacarpal bone"


def test_all_colours_differ():
    colours = {s.color_rgb for s in TABLE}
    assert len(colours) == 38
    assert (0, 0, 0) not in colours
    assert all(0 <= channel <= 255 for colour in colours for channel in colour)


def test_lab_of_known_colours():
    np.testing.assert_allclose(lab((255, 255, 255)), (100, 0, 0), atol=0.05)
    np.testing.assert_allclose(lab((255, 0, 0)), (53.2, 80.1, 67.2), atol=0.3)


def test_neighbours_have_clearly_different_colours():
    for structure in TABLE:
        for neighbour in structure.neighbours:
            delta = lab(structure.color_rgb) - lab(TABLE[neighbour].color_rgb)
            assert np.linalg.norm(delta) >= 30, (structure.name, TABLE[neighbour].name)


def hue_of(color: tuple[int, int, int]) -> float:
    _, a, b = lab(color)
    return float(np.degrees(np.arctan2(b, a)) % 360)


def test_every_finger_has_one_hue_of_its_own():
    hues = {}
    for finger in dict.fromkeys(s.group for s in TABLE):
        found = [hue_of(s.color_rgb) for s in TABLE if s.group == finger]
        middle = float(np.median(found))
        assert max(abs(hue - middle) for hue in found) < 8, finger
        hues[finger] = middle
    ordered = sorted(hues.values())
    gaps = np.diff([*ordered, ordered[0] + 360])
    assert gaps.min() > 30


def test_an_epiphysis_is_lighter_than_its_bone():
    for structure in TABLE:
        if structure.kind == "epiphysis":
            (bone,) = [
                s
                for s in TABLE
                if (s.kind, s.group, s.segment) == ("bone", structure.group, structure.segment)
            ]
            assert lab(structure.color_rgb)[0] > lab(bone.color_rgb)[0] + 20
