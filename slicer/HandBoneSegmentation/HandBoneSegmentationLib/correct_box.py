"""The part of the panel that turns corrections into a better model."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .corrections import remember_found, worth_correcting
from .curve import draw_curve
from .data_set import Addition, DataSetLogic
from .improvement import Improvement, ImprovementListener, Place
from .installer import Installer
from .parameters import Memory
from .results import Result, jump_to

_MINUTES = 60
_DATA_SET, _RUN = "data_set", "training_run"


@dataclass
class Surroundings:
    """What the box needs from the panel.

    Attributes:
        memory: Values remembered between sessions.
        installer: Knows where amcnet is installed.
        case: Returns (volume node or None, file or "", segmentation node or None, model).
        place: Returns where to train: here, or on the chosen server.
        begin: Shows that work starts.
        progress: Shows (fraction done, seconds left, current step).
        failed: Shows (reason, log).
        use_model: Adds the model in a folder to the list, and selects it.
        update: Enables and disables the buttons of the panel.
    """

    memory: Memory
    installer: Installer
    case: Callable[[], tuple[Any, str, Any, str]]
    place: Callable[[], Place]
    begin: Callable[[str], None]
    progress: Callable[[float, float | None, str], None]
    failed: Callable[[str, list[str]], None]
    use_model: Callable[[str], None]
    update: Callable[[], None]


class CorrectBox:
    """Adds corrections to the data set, and trains a model on the data set.

    Args:
        ui: The widgets by name.
        panel: What the box needs from the panel.
        temporary: Folder for temporary files.
    """

    def __init__(self, ui: Any, panel: Surroundings, temporary: Path | None = None) -> None:  # noqa: ANN401
        self.ui, self._panel = ui, panel
        self.data_set = DataSetLogic(temporary)
        self.improvement = Improvement()
        self._to_correct: list[str] = []
        self._segmentation: Any = None
        ui.dataSetEdit.setText(panel.memory.get(_DATA_SET))
        ui.minutesSpin.setValue(_MINUTES)
        if run := panel.memory.get(_RUN):
            self.improvement.run = Path(run)
        ui.dataSetEdit.textChanged.connect(self._data_set_changed)
        for button, action in (
            (ui.nextButton, self.show_next),
            (ui.addButton, self.add),
            (ui.improveButton, self.improve),
            (ui.pauseButton, self.pause_or_resume),
        ):
            button.clicked.connect(lambda *_, action=action: action())
        self.update(False)

    @property
    def is_busy(self) -> bool:
        """Whether a case is being added or a model is being trained."""
        return self.data_set.is_running or self.improvement.is_running

    def update(self, is_busy: bool) -> None:
        """Enable the buttons that can be used.

        Args:
            is_busy: Whether the panel is busy, including with other work.
        """
        ui, training = self.ui, self.improvement.is_running
        ui.nextButton.setEnabled(bool(self._to_correct))
        ui.addButton.setEnabled(not is_busy)
        ui.improveButton.setEnabled(not is_busy)
        ui.pauseButton.setEnabled(training or (not is_busy and self.improvement.can_resume))
        ui.pauseButton.setText("Pause" if training else "Resume")

    def show(self, segmentation: Any, result: Result) -> None:  # noqa: ANN401
        """Accept a new result: every change from now on is a correction."""
        self._segmentation = segmentation
        remember_found(segmentation)
        self._to_correct = worth_correcting(result)
        self.ui.correctLabel.setText("Least sure: " + ", ".join(self._to_correct))

    def show_next(self) -> None:
        """Show the structure that most needs correction, then the next one."""
        name = self._to_correct.pop(0)
        self._to_correct.append(name)
        found = jump_to(self._segmentation, name)
        absent = "" if found else ": was not found in this volume, draw it if it is visible"
        self.ui.statusLabel.setText(f"{name}{absent}")

    def add(self) -> None:
        """Add the volume and its corrected segmentation to the data set."""
        volume, file, segmentation, model = self._panel.case()
        is_unsure = bool(self.ui.unsureCheck.property("checked"))
        addition = Addition(self._folder, segmentation, volume, file, model, is_unsure)
        self._panel.begin("Adding to the data set")
        try:
            environment = self._panel.installer.environment
            self.data_set.add(addition, environment, self._said, self._panel.failed)
        except (OSError, RuntimeError) as error:
            self._panel.failed(str(error), [])
        self._panel.update()

    def improve(self) -> None:
        """Train a model on the data set, from the selected model or on the server from its own."""
        package, place = self._panel.installer.package, self._panel.place()
        if not place.server and (package is None or not package.has_torch):
            self._panel.failed(
                "training needs PyTorch: install amcnet with the box 'for training' checked, or "
                "choose a Python that has amcnet[train], or type the address of a server",
                [],
            )
            return
        minutes = int(self.ui.minutesSpin.property("value"))
        model = self._panel.case()[3]
        self._panel.begin("Sending the data set" if place.server else "Preparing the data set")
        try:
            self.improvement.start(self._folder, model, minutes, place, self._listener())
            self._panel.memory.set(_RUN, str(self.improvement.run))
        except (OSError, RuntimeError) as error:
            self._panel.failed(str(error), [])
        self._panel.update()

    def pause_or_resume(self) -> None:
        """Pause the training, or resume the paused one."""
        if self.improvement.is_running:
            self.improvement.pause()
            return
        self._panel.begin("Resuming the training")
        try:
            self.improvement.resume(self._panel.place(), self._listener())
        except (OSError, RuntimeError) as error:
            self._panel.failed(str(error), [])
        self._panel.update()

    def cancel(self) -> None:
        """Stop adding a case; pause a training, so that its steps are kept."""
        self.data_set.cancel()
        self.improvement.pause()

    def close(self) -> None:
        """Stop everything before the panel is destroyed; a training can be resumed."""
        self.data_set.cancel()
        self.improvement.close()

    def _listener(self) -> ImprovementListener:
        return ImprovementListener(
            self._panel.progress, self._curve, self._improved, self._paused, self._panel.failed
        )

    @property
    def _folder(self) -> str:
        return str(self.ui.dataSetEdit.property("text")).strip()

    def _data_set_changed(self, *_: object) -> None:
        self._panel.memory.set(_DATA_SET, self._folder)

    def _said(self, text: str) -> None:
        self.ui.statusLabel.setText(text)
        self._panel.update()

    def _curve(self, losses: list[tuple[int, float]], dice: list[tuple[int, float]]) -> None:
        self.ui.curveLabel.setPixmap(draw_curve(losses, dice))

    def _improved(self, folder: str) -> None:
        self._panel.progress(1.0, None, "")
        self._panel.use_model(folder)
        what = "To use it here, clear Server." if self._panel.place().server else "Press Apply."
        self._said(f"The new model {Path(folder).name} is in the list and selected. {what}")

    def _paused(self) -> None:
        where = (
            "Press Resume to continue."
            if self.improvement.can_resume
            else "It starts again from the beginning."
        )
        self._said(f"The training was paused. {where}")
