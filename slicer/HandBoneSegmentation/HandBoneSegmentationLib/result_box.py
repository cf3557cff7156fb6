"""The lower part of the panel: verdict, visibility switches, and the table of bones."""

from typing import Any

import qt

from .results import GROUP_TAG, KIND_TAG, Result, jump_to, segment_tags, show_only

NO_HAND_KINDS = ("nothing", "unlike a hand")
"""Kinds of findings meaning that no hand was recognised, and what to try."""


class ResultBox:
    """Show one segmentation and its table.

    Args:
        ui: The widgets by name.
    """

    def __init__(self, ui: Any) -> None:  # noqa: ANN401
        self.ui = ui
        self.groups: dict[str, Any] = {}
        self.kinds: dict[str, Any] = {}
        self._segmentation: Any = None
        ui.resultTable.clicked.connect(self._clicked)

    def show(self, segmentation: Any, table: Any, result: Result) -> None:  # noqa: ANN401
        """Show a result."""
        self._segmentation = segmentation
        self.ui.verdictLabel.setText(_verdict_text(result))
        self.ui.resultTable.setMRMLTableNode(table)
        groups = dict.fromkeys(segment_tags(segmentation, GROUP_TAG).values())
        kinds = dict.fromkeys(segment_tags(segmentation, KIND_TAG).values())
        self.groups = self._checks(self.groups, self.ui.fingersRow, list(groups))
        self.kinds = self._checks(self.kinds, self.ui.kindsRow, list(kinds))

    def _checks(self, old: dict[str, Any], row: Any, names: list[str]) -> dict[str, Any]:  # noqa: ANN401
        """Fill a row with one check box per name, all checked."""
        for box in old.values():
            row.layout().removeWidget(box)
            box.deleteLater()
        boxes = {}
        for name in names:
            box = qt.QCheckBox(name.removesuffix(" finger") or "others")
            box.setChecked(True)
            box.setToolTip(f"Show {name or 'structures that belong to no finger'}")
            box.toggled.connect(self._toggled)
            row.layout().addWidget(box)
            boxes[name] = box
        return boxes

    def _toggled(self, *_: object) -> None:
        show_only(self._segmentation, _checked(self.groups), _checked(self.kinds))

    def _clicked(self, index: Any) -> None:  # noqa: ANN401
        """Show the structure of a row, whatever the sort order."""
        name = str(index.sibling(index.row(), 0).data())
        if self._segmentation is not None and not jump_to(self._segmentation, name):
            self.ui.statusLabel.setText(f"{name}: was not found in this volume")


def _checked(boxes: dict[str, Any]) -> set[str]:
    return {name for name, box in boxes.items() if box.property("checked")}


def _verdict_text(result: Result) -> str:
    words = {"ok": "Nothing suspicious", "look": "Worth a look", "bad": "Do not trust this result"}
    general = [
        finding["message"]
        for finding in result["findings"]
        if not finding["structures"] or finding.get("kind") in NO_HAND_KINDS
    ]
    count = len(result["findings"]) - len(general)
    about = f" ({count} remark{'' if count == 1 else 's'} in the table)" if count else ""
    return ". ".join([words[result["verdict"]] + about, *general])
