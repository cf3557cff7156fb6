"""What the application 3D Slicer adds to its libraries, in the least form that the panel needs.

MRML, segments and VTK are the real ones of slicer-core; Qt is the real one of PySide6. Made up are
the widgets that show nodes, ``slicer.app`` and the base classes of scripted modules.
"""

import os
import sys
import types
from pathlib import Path
from typing import Any

import slicer
import slicer.util
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

PLUGIN = Path(__file__).parents[2] / "slicer" / "HandBoneSegmentation"


class MRMLWidget(QtWidgets.QWidget):
    """Passes the scene on to the widgets in it, as the connections of the .ui file do."""

    def setMRMLScene(self, scene: Any) -> None:
        for child in self.findChildren(QtWidgets.QWidget):
            if hasattr(child, "setMRMLScene"):
                child.setMRMLScene(scene)


class NodeComboBox(QtWidgets.QComboBox):
    """Chooses a node of some classes."""

    currentNodeChanged = QtCore.Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self.currentIndexChanged.connect(lambda _: self.currentNodeChanged.emit(self.currentNode()))

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.refresh()

    def refresh(self) -> None:
        chosen = self.currentData()
        self.blockSignals(True)
        self.clear()
        self.addItem("None", None)
        for name in self.property("nodeTypes"):
            for index in range(self._scene.GetNumberOfNodesByClass(name)):
                node = self._scene.GetNthNodeByClass(index, name)
                self.addItem(node.GetName(), node.GetID())
        self.setCurrentIndex(max(0, self.findData(chosen)))
        self.blockSignals(False)

    def showPopup(self) -> None:
        self.refresh()
        super().showPopup()

    def currentNode(self) -> Any:
        identifier = self.currentData()
        return self._scene.GetNodeByID(identifier) if identifier else None

    def setCurrentNode(self, node: Any) -> None:
        self.refresh()
        self.setCurrentIndex(0 if node is None else max(0, self.findData(node.GetID())))


class TableView(QtWidgets.QTableView):
    """Shows a table node."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node: Any = None

    def mrmlTableNode(self) -> Any:
        return self._node

    def setMRMLTableNode(self, node: Any) -> None:
        self._node = node
        table = node.GetTable()
        model = QtGui.QStandardItemModel(table.GetNumberOfRows(), table.GetNumberOfColumns(), self)
        for column in range(table.GetNumberOfColumns()):
            model.setHorizontalHeaderItem(
                column, QtGui.QStandardItem(table.GetColumn(column).GetName())
            )
            for row in range(table.GetNumberOfRows()):
                text = table.GetValue(row, column).ToString()
                model.setItem(row, column, QtGui.QStandardItem(text))
        self.setModel(model)
        self.resizeColumnsToContents()
        self.resizeRowsToContents()


class CollapsibleButton(QtWidgets.QWidget):
    """A box with a title that folds it."""

    _HEADER = 24

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._text, self._collapsed = "", False
        self.setContentsMargins(0, self._HEADER, 0, 0)

    def _get_text(self) -> str:
        return self._text

    def _set_text(self, text: str) -> None:
        self._text = text

    def _get_collapsed(self) -> bool:
        return self._collapsed

    def _set_collapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        self.setMaximumHeight(self._HEADER + 2 if collapsed else 16777215)
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget):
                child.setVisible(not collapsed)
        self.update()

    text = QtCore.Property(str, _get_text, _set_text)
    collapsed = QtCore.Property(bool, _get_collapsed, _set_collapsed)

    def childEvent(self, event: Any) -> None:
        child = event.child()
        if event.added() and self._collapsed and isinstance(child, QtWidgets.QWidget):
            child.setVisible(False)
        super().childEvent(event)

    def paintEvent(self, event: Any) -> None:
        painter = QtGui.QPainter(self)
        header = QtCore.QRect(0, 0, self.width() - 1, self._HEADER - 2)
        painter.fillRect(header, self.palette().color(QtGui.QPalette.ColorRole.Button))
        painter.setPen(self.palette().color(QtGui.QPalette.ColorRole.Mid))
        painter.drawRect(header)
        painter.setPen(self.palette().color(QtGui.QPalette.ColorRole.WindowText))
        painter.setBrush(self.palette().color(QtGui.QPalette.ColorRole.WindowText))
        down = [(8, 8), (18, 8), (13, 14)] if not self._collapsed else [(10, 6), (16, 11), (10, 16)]
        painter.drawPolygon([QtCore.QPoint(x, y) for x, y in down])
        align = QtCore.Qt.AlignmentFlag.AlignVCenter
        painter.drawText(header.adjusted(26, 0, 0, 0), align, self._text)


CUSTOM = {
    "qMRMLWidget": MRMLWidget,
    "qMRMLNodeComboBox": NodeComboBox,
    "qMRMLTableView": TableView,
    "ctkCollapsibleButton": CollapsibleButton,
}


class UiLoader(QtUiTools.QUiLoader):
    """Slicer's loader knows the widgets of CTK and MRML."""

    def createWidget(self, name: str, parent: Any = None, object_name: str = "") -> Any:
        if name not in CUSTOM:
            return super().createWidget(name, parent, object_name)
        widget = CUSTOM[name](parent)
        widget.setObjectName(object_name)
        return widget


class QtModule(types.ModuleType):
    """All of Qt in one module, as in Slicer."""

    def __getattr__(self, name: str) -> Any:
        for module in (QtCore, QtGui, QtWidgets):
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)


class Environment(dict):
    """As a QProcessEnvironment."""

    def value(self, name: str) -> str:
        return self[name]


class App(QtCore.QObject):
    """As ``slicer.app``."""

    startupCompleted = QtCore.Signal()

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.temporaryPath = str(folder / "temporary")
        self.slicerUserSettingsFilePath = str(folder / "settings" / "Slicer.ini")
        for path in (Path(self.temporaryPath), Path(self.slicerUserSettingsFilePath).parent):
            path.mkdir(parents=True)

    def connect(self, signal: str, function: Any) -> None:
        getattr(self, signal.removesuffix("()")).connect(function)

    def startupEnvironment(self) -> Environment:
        return Environment(os.environ)

    def processEvents(self) -> None:
        QtCore.QCoreApplication.processEvents()


class Module:
    """As ``ScriptedLoadableModule``."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent


class ModuleWidget:
    """As ``ScriptedLoadableModuleWidget``."""

    def __init__(self, parent: Any = None) -> None:
        self.parent = QtWidgets.QWidget() if parent is None else parent
        self.parent.setLayout(QtWidgets.QVBoxLayout())
        self.layout = self.parent.layout()

    def setup(self) -> None:
        pass

    def resourcePath(self, name: str) -> str:
        return str(PLUGIN / "Resources" / name)


class ModuleTest:
    """As ``ScriptedLoadableModuleTest``."""


class SampleDataLogic:
    """As that of the module Sample Data."""

    sources: dict[str, dict[str, Any]] = {}

    @classmethod
    def registerCustomSampleDataSource(cls, **source: Any) -> None:
        cls.sources[source["sampleName"]] = source


def children_by_name(widget: Any) -> Any:
    found = types.SimpleNamespace()
    for child in widget.findChildren(QtCore.QObject):
        if child.objectName():
            setattr(found, child.objectName(), child)
    return found


def install(folder: Path) -> QtWidgets.QApplication:
    """Put the stand-ins where the panel imports them from; settings and files go to a folder."""
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])
    # The .ui file connects signals as Slicer's widgets have them, with the types of MRML.
    QtCore.QLoggingCategory.setFilterRules("qt.core.qobject.connect=false")
    qt = QtModule("qt")
    qt.QUiLoader = UiLoader
    settings = str(folder / "settings.ini")
    qt.QSettings = lambda: QtCore.QSettings(settings, QtCore.QSettings.Format.IniFormat)
    scripted = types.ModuleType("slicer.ScriptedLoadableModule")
    scripted.ScriptedLoadableModule = Module
    scripted.ScriptedLoadableModuleWidget = ModuleWidget
    scripted.ScriptedLoadableModuleTest = ModuleTest
    sample = types.ModuleType("SampleData")
    sample.SampleDataLogic = SampleDataLogic
    sys.modules |= {"qt": qt, scripted.__name__: scripted, "SampleData": sample}
    slicer.app = App(folder)
    slicer.mrmlScene = slicer.vtkMRMLScene()
    slicer.util.childWidgetVariables = children_by_name
    if str(PLUGIN) not in sys.path:
        sys.path.insert(0, str(PLUGIN))
    return application
