"""Self-test inside Slicer: from a volume to 38 segments."""

import time
import unittest
from typing import Any

import slicer

_LONGEST_SECONDS = 1800


def run_whole_path(test: unittest.TestCase, volume: Any) -> None:  # noqa: ANN401
    """Press Apply in the panel and check the nodes that result."""
    slicer.util.selectModule("HandBoneSegmentation")
    panel = slicer.modules.HandBoneSegmentationWidget.panel
    _wait(lambda: panel.installer.is_busy)
    panel.ui.inputSelector.setCurrentNode(volume)
    panel.ui.outputSelector.setCurrentNode(None)
    panel.apply()
    test.assertTrue(panel.logic.is_running, panel.ui.statusLabel.property("text"))
    _wait(lambda: panel.logic.is_running)
    node = panel.ui.outputSelector.currentNode()
    test.assertIsNotNone(node, panel.ui.statusLabel.property("text"))
    test.assertEqual(node.GetSegmentation().GetNumberOfSegments(), 38)
    surface = node.GetSegmentation().GetSegment("Segment_7").GetRepresentation("Closed surface")
    test.assertGreater(surface.GetNumberOfPoints(), 0)
    table = panel.ui.resultTable.mrmlTableNode()
    test.assertEqual(table.GetNumberOfRows(), 38)


def _wait(is_busy: Any) -> None:  # noqa: ANN401
    deadline = time.monotonic() + _LONGEST_SECONDS
    while is_busy() and time.monotonic() < deadline:
        slicer.app.processEvents()
        time.sleep(0.02)
