"""No display and no application of Slicer is needed, but slicer-core and PySide6 are."""

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HAS_BOTH = all(map(importlib.util.find_spec, ("slicer_core", "PySide6")))


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Slicer's stand-ins, with a Qt application that has an event loop."""
    if not HAS_BOTH:
        pytest.skip("needs slicer-core and PySide6")
    path = Path(__file__).with_name("stand_ins.py")
    spec = importlib.util.spec_from_file_location("stand_ins", path)
    stand_ins = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stand_ins)
    return stand_ins.install(tmp_path_factory.mktemp("slicer"))


@pytest.fixture(scope="module")
def make_panel(
    application: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Any]]:
    """Return what makes a panel of its own scene, with this very Python as environment."""
    import slicer
    from HandBoneSegmentationLib.parameters import Memory
    from HandBoneSegmentationLib.widget import Panel
    from qt import QSettings

    made = []

    def make(python: str = sys.executable, home: Path | None = None) -> Any:
        Memory(QSettings()).set("python", python)
        scene = slicer.vtkMRMLScene()
        widget = slicer.util.loadUI(
            str(Path(sys.modules[Panel.__module__].__file__).parents[1])
            + "/Resources/UI/HandBoneSegmentation.ui"
        )
        widget.setMRMLScene(scene)
        ui = slicer.util.childWidgetVariables(widget)
        folder = tmp_path_factory.mktemp("panel")
        temporary = folder / "temporary"
        temporary.mkdir()
        panel = Panel(ui, scene, home or folder, temporary)
        made.append(panel)
        wait(lambda: not panel.installer.is_busy)
        # Kept together: Qt deletes what Python forgets.
        return SimpleNamespace(panel=panel, ui=ui, scene=scene, widget=widget, temporary=temporary)

    def wait(is_so: Callable[[], bool], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline
            application.processEvents()
            time.sleep(0.005)

    make.wait = wait
    yield make
    for panel in made:
        panel.close()
