"""The panel: choices, Apply and Cancel, progress and results."""

from pathlib import Path
from typing import Any

import qt
import slicer

from .correct_box import CorrectBox, Surroundings
from .improvement import Place
from .installer import Installer, size_on_disk
from .logic import Listener, Request, SegmentationLogic, time_left
from .package_source import Purpose
from .parameters import (
    DEVICES,
    INPUT_ROLE,
    OUTPUT_ROLE,
    QUALITIES,
    TABLE_ROLE,
    Choices,
    Memory,
    parameter_node,
    read_choices,
    write_choices,
)
from .result_box import ResultBox
from .results import Result

_BUNDLED = "Bundled with amcnet"
_STEPS = 1000


class Panel:
    """Connect the widgets of the .ui file with logic, installer and parameter node.

    Args:
        ui: The widgets by name, see ``slicer.util.childWidgetVariables``.
        scene: The MRML scene.
        home: Folder of the application's settings.
        temporary: Folder for temporary files of a run.
    """

    def __init__(self, ui: Any, scene: Any, home: Path, temporary: Path | None = None) -> None:  # noqa: ANN401
        self.ui, self._scene = ui, scene
        self.memory = Memory(qt.QSettings())
        self.installer = Installer(self.memory, home)
        self.logic = SegmentationLogic(scene, temporary)
        self.bones = ResultBox(ui)
        self.correct = self._make_correct_box(temporary)
        self._is_updating = False
        self._fill_combos()
        self._connect()
        self.follow_scene()
        self.look()

    def _make_correct_box(self, temporary: Path | None) -> CorrectBox:
        surroundings = Surroundings(
            self.memory,
            self.installer,
            self._case,
            self._training_place,
            self._begin,
            self._progress,
            self._failed,
            self.open_model,
            self._update_buttons,
        )
        return CorrectBox(self.ui, surroundings, temporary)

    def _training_place(self) -> Place:
        choices = self.choices
        return Place(self.installer.environment, choices.server, choices.token_file)

    def _case(self) -> tuple[Any, str, Any, str]:
        """Return the selected volume, file, segmentation and model."""
        choices, ui = self.choices, self.ui
        volume = None if choices.input_file else ui.inputSelector.currentNode()
        return volume, choices.input_file, ui.outputSelector.currentNode(), choices.model

    # -- choices --------------------------------------------------------------------------------

    def _fill_combos(self) -> None:
        self.ui.qualityCombo.addItems(list(QUALITIES))
        for name, text in DEVICES.items():
            self.ui.deviceCombo.addItem(text, name)
        self._fill_models()

    def _fill_models(self) -> None:
        combo = self.ui.modelCombo
        self._is_updating = True
        combo.clear()
        combo.addItem(_BUNDLED, "")
        package = self.installer.package
        for name in package.models if package is not None else ():
            combo.addItem(name, name)
        for folder in self.memory.own_models():
            combo.addItem(Path(folder).name, folder)
        self._is_updating = False

    def _connect(self) -> None:
        ui = self.ui
        for selector in (ui.inputSelector, ui.outputSelector):
            selector.currentNodeChanged.connect(self._changed)
        for edit in (
            ui.inputFileEdit,
            ui.outputFileEdit,
            ui.spacingEdit,
            ui.serverEdit,
            ui.tokenFileEdit,
        ):
            edit.textChanged.connect(self._changed)
        for combo in (ui.modelCombo, ui.qualityCombo, ui.deviceCombo):
            combo.currentIndexChanged.connect(self._changed)
        ui.pythonEdit.editingFinished.connect(self._python_changed)
        ui.serverOnlyCheck.toggled.connect(lambda *_: self._update_buttons())
        for button, action in (
            (ui.applyButton, self.apply),
            (ui.cancelButton, self.cancel),
            (ui.installButton, self.install),
            (ui.inputFileButton, self._browse_input),
            (ui.outputFileButton, self._browse_output),
            (ui.openModelButton, self._browse_model),
            (ui.openArchiveButton, self._browse_archive),
            (ui.sourceButton, self._browse_source),
            (ui.pythonButton, self._browse_python),
            (ui.tokenFileButton, self._browse_token_file),
            (ui.dataSetButton, self._browse_data_set),
        ):
            button.clicked.connect(lambda *_, action=action: action())

    def follow_scene(self) -> None:
        """Show the choices in the scene's parameter node; called again after a scene was loaded."""
        self.node = parameter_node(self._scene)
        choices = read_choices(self.node, self.memory.choices())
        self._is_updating = True
        volume = self.node.GetNodeReference(INPUT_ROLE)
        if volume is None:
            volume = self._scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
        self.ui.inputSelector.setCurrentNode(volume)
        self.ui.outputSelector.setCurrentNode(self.node.GetNodeReference(OUTPUT_ROLE))
        self.ui.inputFileEdit.setText(choices.input_file)
        self.ui.outputFileEdit.setText(choices.output_file)
        self.ui.spacingEdit.setText(choices.spacing)
        _choose(self.ui.modelCombo, choices.model)
        self.ui.qualityCombo.setCurrentIndex(QUALITIES.index(choices.quality))
        _choose(self.ui.deviceCombo, choices.device)
        self.ui.serverEdit.setText(choices.server)
        self.ui.tokenFileEdit.setText(choices.token_file)
        self.ui.pythonEdit.setText(self.installer.own_python)
        self._is_updating = False
        self._changed()

    @property
    def choices(self) -> Choices:
        """The choices that the widgets show."""
        ui = self.ui
        return Choices(
            input_file=str(ui.inputFileEdit.property("text")).strip(),
            output_file=str(ui.outputFileEdit.property("text")).strip(),
            spacing=str(ui.spacingEdit.property("text")).replace(" ", ""),
            model=_chosen(ui.modelCombo),
            quality=QUALITIES[max(0, int(ui.qualityCombo.property("currentIndex")))],
            device=_chosen(ui.deviceCombo),
            server=str(ui.serverEdit.property("text")).strip(),
            token_file=str(ui.tokenFileEdit.property("text")).strip(),
        )

    def _changed(self, *_: object) -> None:
        if self._is_updating:
            return
        choices = self.choices
        write_choices(self.node, choices)
        self.memory.remember(choices)
        for role, selector in (
            (INPUT_ROLE, self.ui.inputSelector),
            (OUTPUT_ROLE, self.ui.outputSelector),
        ):
            chosen = selector.currentNode()
            self.node.SetNodeReferenceID(role, None if chosen is None else chosen.GetID())
        self._update_buttons()

    def _update_buttons(self) -> None:
        has_input = bool(self.choices.input_file) or self.ui.inputSelector.currentNode() is not None
        busy = self.logic.is_running or self.installer.is_busy or self.correct.is_busy
        self.ui.inputSelector.setEnabled(not self.choices.input_file)
        for widget in (self.ui.modelCombo, self.ui.deviceCombo):  # a server has its own device
            widget.setEnabled(not self.choices.server)
        self.ui.applyButton.setEnabled(has_input and not busy)
        self.ui.cancelButton.setEnabled(busy)
        self.ui.installButton.setEnabled(not busy)
        self.ui.trainCheck.setEnabled(not self.ui.serverOnlyCheck.property("checked"))
        for box in (self.ui.inputsBox, self.ui.outputsBox, self.ui.howBox):
            box.setEnabled(not self.logic.is_running)
        self.correct.update(busy)

    def _browse_input(self) -> None:
        package = self.installer.package
        kinds = " ".join(f"*{one}" for one in package.reads) if package is not None else "*"
        self._browse(self.ui.inputFileEdit, qt.QFileDialog.getOpenFileName, f"Volumes ({kinds})")

    def _browse_output(self) -> None:
        package = self.installer.package
        kinds = " ".join(f"*{one}" for one in package.writes) if package is not None else "*"
        self._browse(self.ui.outputFileEdit, qt.QFileDialog.getSaveFileName, f"Labels ({kinds})")

    def _browse_token_file(self) -> None:
        self._browse(self.ui.tokenFileEdit, qt.QFileDialog.getOpenFileName, "*")

    def _browse_python(self) -> None:
        self._browse(self.ui.pythonEdit, qt.QFileDialog.getOpenFileName, "*")
        self._python_changed()

    def _browse(self, edit: Any, dialog: Any, kinds: str) -> None:  # noqa: ANN401
        if path := _path_of(dialog(None, "Hand Bone Segmentation", "", kinds)):
            edit.setText(path)

    def _browse_model(self) -> None:
        dialog = qt.QFileDialog.getExistingDirectory
        if folder := _path_of(dialog(None, "Folder of a model", "")):
            self.open_model(folder)

    def _browse_data_set(self) -> None:
        dialog = qt.QFileDialog.getExistingDirectory
        if folder := _path_of(dialog(None, "Folder of your data set", "")):
            self.ui.dataSetEdit.setText(folder)

    def _browse_archive(self) -> None:
        dialog = qt.QFileDialog.getOpenFileName
        if path := _path_of(dialog(None, "Model as .zip", "", "Models (*.zip)")):
            self.open_archive(path)

    def _browse_source(self) -> None:
        self._browse(self.ui.sourceEdit, qt.QFileDialog.getOpenFileName, "Wheels (*.whl)")

    def open_archive(self, path: str) -> None:
        """Install a model from a .zip, and select it."""

        def end(name: str) -> None:
            self.ui.progressBar.setRange(0, _STEPS)
            if not name:
                self._update_buttons()
                self._show_failure(self.installer.problem, self.installer.log)
                return
            self._looked()
            _choose(self.ui.modelCombo, name)
            self.ui.statusLabel.setText(f"Model {name} is installed and selected")

        self._begin(f"Installing the model in {path}")
        self.ui.progressBar.setRange(0, 0)
        self.installer.install_model(path, end)
        self._update_buttons()

    def open_model(self, folder: str) -> None:
        """Select a model in a folder of the user, and list it from now on."""
        self.memory.add_own_model(folder)
        self._fill_models()
        _choose(self.ui.modelCombo, folder)
        self._changed()

    # -- installation --------------------------------------------------------------------------

    def _python_changed(self) -> None:
        path = str(self.ui.pythonEdit.property("text")).strip()
        if path != self.installer.own_python and not self.installer.is_busy:
            self.installer.own_python = path
            self.look()

    def look(self) -> None:
        """Check whether amcnet is installed."""
        self.ui.installedLabel.setText("checking ...")
        self.installer.look(self._looked)
        self._update_buttons()

    def _looked(self) -> None:
        installer, ui = self.installer, self.ui
        if installer.package is None:
            ui.installedLabel.setText(installer.problem)
        else:
            place = installer.own_python or installer.folder
            ui.installedLabel.setText(f"version {installer.package.version}, {place}")
        chosen = self.choices.model or self.memory.choices().model
        self._fill_models()
        _choose(ui.modelCombo, chosen)
        self._update_buttons()

    def install(self) -> None:
        """Install amcnet into this module's own folder."""
        source = str(self.ui.sourceEdit.property("text")).strip()
        self._begin(f"Installing {source}; this takes a few minutes")
        self.ui.progressBar.setRange(0, 0)
        self.ui.pythonEdit.setText("")
        self.installer.install(source, self._installed, self.ui.statusLabel.setText, self._purpose)
        self._update_buttons()

    @property
    def _purpose(self) -> Purpose:
        if self.ui.serverOnlyCheck.property("checked"):
            return Purpose.SERVER
        return Purpose.TRAIN if self.ui.trainCheck.property("checked") else Purpose.SEGMENT

    def _installed(self) -> None:
        self.ui.progressBar.setRange(0, _STEPS)
        self._looked()
        if self.installer.package is None:
            self._show_failure(self.installer.problem, self.installer.log)
            return
        size_mb = size_on_disk(self.installer.folder) / 1e6
        self.ui.statusLabel.setText(f"Installed: {size_mb:.0f} MB. Press Apply.")
        self.ui.installBox.setProperty("collapsed", True)

    # -- a run ---------------------------------------------------------------------------------

    def apply(self) -> None:
        """Segment the chosen volume."""
        if not self.installer.environment.exists or self.installer.problem:
            self.offer_installation()
            return
        choices, package = self.choices, self.installer.package
        problem = choices.problem
        if not choices.server and package is not None and not package.has_engine:
            problem = (
                "amcnet is installed for servers only here: type the address of one at Server, or "
                "install it without that choice"
            )
        if problem:
            self.ui.statusLabel.setText(problem)
            return
        self._changed()
        volume = None if choices.input_file else self.ui.inputSelector.currentNode()
        request = Request(
            choices,
            volume,
            self.ui.outputSelector.currentNode(),
            self.node.GetNodeReference(TABLE_ROLE),
        )
        self._begin("Starting")
        try:
            listener = Listener(self._progress, self._done, self._failed)
            self.logic.start(request, self.installer.environment, listener)
        except (OSError, RuntimeError) as error:
            self._failed(str(error), [])
        self._update_buttons()

    def offer_installation(self) -> None:
        """Report that amcnet is missing and open the section that installs it."""
        self.ui.installBox.setProperty("collapsed", False)
        self.ui.statusLabel.setText(
            f"amcnet: {self.installer.problem or 'not installed yet'}. Press Install below How, "
            "with its wheel (under 1 GB, in a separate folder; Slicer's packages stay "
            "unchanged), or choose a Python that has it."
        )

    def cancel(self) -> None:
        """Stop the run or the installation."""
        was_installing = self.installer.is_busy
        if self.correct.improvement.is_running:
            self.correct.cancel()
            return
        self.logic.cancel()
        self.installer.cancel()
        self.correct.cancel()
        self.ui.progressBar.setRange(0, _STEPS)
        self.ui.progressBar.setValue(0)
        self.ui.statusLabel.setText("Cancelled")
        if was_installing:
            self.look()
        self._update_buttons()

    def close(self) -> None:
        """Stop everything before the panel is destroyed."""
        self.logic.cancel()
        self.installer.cancel()
        self.correct.close()

    def _begin(self, text: str) -> None:
        self.ui.statusLabel.setText(text)
        self.ui.logText.setVisible(False)
        self.ui.progressBar.setValue(0)

    def _progress(self, share: float, seconds: float | None, what: str) -> None:
        self.ui.progressBar.setValue(round(share * _STEPS))
        left = time_left(seconds)
        self.ui.statusLabel.setText(f"{what}, {left}" if left and share < 1 else what)
        slicer.app.processEvents()

    def _done(self, request: Request, result: Result) -> None:
        self.node.SetNodeReferenceID(TABLE_ROLE, request.table.GetID())
        self.ui.outputSelector.setCurrentNode(request.segmentation)
        self.ui.progressBar.setValue(_STEPS)
        self.ui.statusLabel.setText(
            f"{result['found']} of {result['wanted']} structures in {result['seconds']:.0f} s. "
            f"{result['notice']}"
        )
        self.bones.show(request.segmentation, request.table, result)
        self.correct.show(request.segmentation, result)
        self._update_buttons()

    def _failed(self, reason: str, log: list[str]) -> None:
        self._show_failure(reason, log)
        self._update_buttons()

    def _show_failure(self, reason: str, log: list[str]) -> None:
        self.ui.progressBar.setValue(0)
        self.ui.statusLabel.setText(f"It did not work: {reason}")
        self.ui.logText.setPlainText("\n".join(log))
        self.ui.logText.setVisible(bool(log))


def _choose(combo: Any, data: str) -> None:  # noqa: ANN401
    combo.setCurrentIndex(max(0, combo.findData(data)))


def _chosen(combo: Any) -> str:  # noqa: ANN401
    return str(combo.itemData(int(combo.property("currentIndex"))) or "")


def _path_of(answer: Any) -> str:  # noqa: ANN401
    """Return the path that a dialog returned; some bindings also return the filter."""
    return str(answer[0] if isinstance(answer, tuple) else answer or "")
