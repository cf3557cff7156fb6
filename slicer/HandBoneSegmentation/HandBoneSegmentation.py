"""3D Slicer module: segmentation of hand bones in 3D ultrasound, each by name."""

from pathlib import Path
from typing import Any

import qt
import slicer
from HandBoneSegmentationLib.installer import Installer
from HandBoneSegmentationLib.parameters import MODULE, Memory
from HandBoneSegmentationLib.sample import NAME, make_sample
from HandBoneSegmentationLib.self_test import run_whole_path
from HandBoneSegmentationLib.widget import Panel
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class HandBoneSegmentation(ScriptedLoadableModule):
    """The module's entry in Slicer."""

    def __init__(self, parent: Any) -> None:  # noqa: ANN401
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Hand Bone Segmentation"
        parent.categories = ["Segmentation"]
        parent.dependencies = []
        parent.contributors = ["amcnet maintainers"]
        parent.helpText = (
            "Finds the 19 long bones of a hand and their 19 epiphyses in a 3D ultrasound "
            "volume, measures each, and reports what looks wrong. Research software, not a "
            "medical device."
        )
        parent.acknowledgementText = "amcnet, Apache-2.0."
        slicer.app.connect("startupCompleted()", register_sample)


class HandBoneSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel in 3D Slicer's window."""

    def __init__(self, parent: Any = None) -> None:  # noqa: ANN401
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.panel: Panel | None = None

    def setup(self) -> None:
        """Build the panel when the module is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath(f"UI/{MODULE}.ui"))
        self.layout.addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        ui = slicer.util.childWidgetVariables(widget)
        self.panel = Panel(ui, slicer.mrmlScene, home(), Path(slicer.app.temporaryPath))
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self._scene_changed)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self._scene_changed)

    def cleanup(self) -> None:
        """Stop everything when the application closes."""
        self.removeObservers()
        if self.panel is not None:
            self.panel.close()

    def _scene_changed(self, *_: object) -> None:
        if self.panel is not None:
            if (
                not self.panel.correct.improvement.is_running
            ):  # a training continues without a scene
                self.panel.cancel()
            self.panel.follow_scene()


def home() -> Path:
    """Return the folder of 3D Slicer's settings, in which the package is installed."""
    return Path(slicer.app.slicerUserSettingsFilePath).parent


def register_sample() -> None:
    """Offer the sample volume in Sample Data."""
    import SampleData

    icon = Path(__file__).with_name("Resources") / "Icons" / "SyntheticHand.png"
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="Hand Bone Segmentation",
        sampleName=NAME,
        thumbnailFileName=str(icon),
        uris=None,
        fileNames=None,
        nodeNames=NAME,
        customDownloader=load_sample,
    )


def load_sample(_: object = None) -> Any:  # noqa: ANN401
    """Make the sample volume and return its node."""
    environment = Installer(Memory(qt.QSettings()), home()).environment
    return make_sample(slicer.mrmlScene, environment, Path(slicer.app.temporaryPath))


class HandBoneSegmentationTest(ScriptedLoadableModuleTest):
    """3D Slicer's own test: the sample volume through the panel. It needs amcnet installed."""

    def setUp(self) -> None:
        """Start with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run from sample volume to segments; skipped without amcnet."""
        self.setUp()
        if not Installer(Memory(qt.QSettings()), home()).environment.exists:
            self.delayDisplay("Skipped: amcnet is not installed")
            return
        self.delayDisplay("Making the sample volume")
        volume = load_sample()
        run_whole_path(self, volume)
        self.delayDisplay("Test passed")
