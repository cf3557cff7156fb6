"""The commands of docs/own-data.md, run as they are written."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from amcnet.data import read_label_table
from amcnet.io import read_labels

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "own-data.md"
# People have hours, machines differ: the test takes so many steps, however long they last.
SMALLER = {
    "steps = 20000": "steps = 110",
    "max_hours = 12.0": "steps_per_epoch = 55",
    "width = 16": "width = 8",
}
LIMITS = {"3m": "1h", "4m": "2h"}


def commands() -> list[str]:
    blocks = re.findall(r"^```\w*\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    (block,) = (block for block in blocks if "make_spine" in block)
    return block.splitlines()


@pytest.mark.slow
def test_the_ten_commands_make_a_model_that_works(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "XDG_DATA_HOME": str(tmp_path / "home"),
        "COLUMNS": "200",
    }
    outputs = {}
    assert len(commands()) == 10
    for command in commands():
        words = [LIMITS.get(word, word) for word in command.split()]
        done = subprocess.run(
            words,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr[-3000:]}"
        outputs[words[1]] = done.stdout
        if words[1] == "prepare" and "-o" in words:
            config = tmp_path / "prepared/spine/config.toml"
            text = config.read_text(encoding="utf-8")
            for given, smaller in SMALLER.items():
                assert given in text
                text = text.replace(given, smaller)
            config.write_text(text, encoding="utf-8")

    held_out = json.loads((tmp_path / "prepared/spine/splits_final.json").read_text())[0]["val"]
    assert "spine_02" in held_out
    table = read_label_table(tmp_path / "prepared/spine/dataset.json")
    found, truth = (
        read_labels(tmp_path / name, table).array
        for name in ("spine_02.nii.gz", "data/spine/labels/spine_02.nii.gz")
    )
    for structure in table:
        ours, theirs = found == structure.value, truth == structure.value
        dice = 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())
        assert dice > 0.5, f"{structure.name}: {dice}\n{outputs['evaluate']}"
    assert (tmp_path / "spine-onnx").is_dir()
    assert "spine" in outputs["models"]
    image = "data/spine/images/spine_02.nii.gz"
    installed = subprocess.run(
        ["amcnet", "segment", image, "-o", "again.nii.gz", "--model", "spine"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    assert b"Not a medical device" in installed.stdout
    again, first = (tmp_path / name for name in ("again.nii.gz", "spine_02.nii.gz"))
    assert again.read_bytes() == first.read_bytes()
