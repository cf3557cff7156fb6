"""Time of the panel in 3D Slicer from Apply to shown segments, in addition to amcnet segment.

QT_QPA_PLATFORM=offscreen python benchmarks/slicer_panel.py scan.nrrd [--times 3] [--json FILE]

Both are timed in turn on the same volume: the command, which writes a .seg.nrrd, and the panel,
which starts with a volume node and ends with 38 segments, including their labels and surfaces. 3D
Slicer's application is replaced by the stand-ins of tests/slicer; painting its views is not
included. Needs slicer-core and PySide6-Essentials below 6.12.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from HandBoneSegmentationLib.widget import Panel

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

STAND_INS = Path(__file__).resolve().parents[1] / "tests" / "slicer" / "stand_ins.py"
MAIN = "from amcnet.cli.main import main; main()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volume", type=Path)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--quality", default="balanced")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        panel = make_panel(Path(folder), wanted.volume, wanted.quality)
        rows = []
        for _ in range(wanted.times):
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
            row = {"load": load, "command_s": time_command(wanted, Path(folder))}
            rows.append(row | time_panel(panel))
            print({name: round(value, 2) for name, value in rows[-1].items()}, flush=True)
        more = statistics.median(row["panel_s"] - row["command_s"] for row in rows)
        print(f"{more:.1f} s in addition to the command (median of {len(rows)})")
    if wanted.json is not None:
        wanted.json.write_text(json.dumps({"runs": rows, "on_top_s": more}, indent=1) + "\n")


def make_panel(folder: Path, volume: Path, quality: str) -> "Panel":
    """Return a panel with the volume as its input node."""
    spec = importlib.util.spec_from_file_location("stand_ins", STAND_INS)
    stand_ins = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stand_ins)
    application = stand_ins.install(folder)
    from HandBoneSegmentation import HandBoneSegmentationWidget

    import slicer

    widget = HandBoneSegmentationWidget()
    widget.setup()
    panel = widget.panel
    panel.kept = widget, application
    panel.installer.own_python = sys.executable
    panel.look()
    wait(panel, lambda: panel.installer.is_busy)
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(volume))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    if not storage.ReadData(node):
        sys.exit(f"{volume}: could not be read")
    panel.ui.qualityCombo.setCurrentText(quality)
    panel.ui.inputSelector.setCurrentNode(node)
    return panel


def wait(panel: "Panel", is_busy: Callable[[], bool]) -> None:
    while is_busy():
        panel.kept[1].processEvents()
        time.sleep(0.005)


def time_command(wanted: argparse.Namespace, folder: Path) -> float:
    out = folder / "plain.seg.nrrd"
    command = [sys.executable, "-c", MAIN, "segment", wanted.volume, "-o", out, "--overwrite"]
    command += ["--quality", wanted.quality]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def time_panel(panel: "Panel") -> dict[str, float]:
    """Return the time of one Apply and of its parts."""
    marks = {}
    take, make = panel.logic._take, panel.logic._make_nodes

    def taking(line: str) -> None:
        marks.setdefault("first_line", time.perf_counter())
        take(line)

    def making(result: dict[str, object]) -> None:
        began = time.perf_counter()
        make(result)
        marks["nodes_s"] = time.perf_counter() - began

    panel.logic._take, panel.logic._make_nodes = taking, making
    started = time.perf_counter()
    panel.apply()
    wait(panel, lambda: panel.logic.is_running)
    whole = time.perf_counter() - started
    panel.logic._take, panel.logic._make_nodes = take, make
    node = panel.ui.outputSelector.currentNode()
    if node is None or node.GetSegmentation().GetNumberOfSegments() != 38:
        sys.exit(panel.ui.statusLabel.text())
    return {
        "panel_s": whole,
        "until_process_speaks_s": marks["first_line"] - started,
        "nodes_s": marks["nodes_s"],
    }


if __name__ == "__main__":
    main()
