"""Files of a comparison, and the data shared by all its rows."""

from dataclasses import dataclass
from pathlib import Path

from amcnet.data import Dataset, Preprocessing, read_dataset
from amcnet.errors import OutputError, count_text
from amcnet.paper_tables.scale import Scale
from amcnet.parallel import Progress, no_progress


@dataclass(frozen=True)
class Workspace:
    """The folder of a comparison.

    Attributes:
        folder: The folder, shared by both tables of a scale because they share rows.
    """

    folder: Path

    @property
    def unseen(self) -> Path:
        """Phantoms on which the rows are evaluated."""
        return self.folder / "data" / "unseen"

    @property
    def training(self) -> Path:
        """Phantoms on which the rows are trained."""
        return self.folder / "data" / "training"

    @property
    def prepared(self) -> Path:
        """The training phantoms on the network's grid."""
        return self.folder / "data" / "prepared"

    @property
    def results(self) -> Path:
        """Source of the pages: metrics of the finished rows and their labels of one hand."""
        return self.folder / "results"

    def run(self, row: str) -> Path:
        """Return the run folder of a row."""
        return self.folder / "rows" / row

    def predictions(self, row: str) -> Path:
        """Return the folder of a row's labels of the unseen hands."""
        return self.run(row) / "predictions"

    def pictured(self, row: str) -> Path:
        """Return a row's labels of the first unseen hand, shown in the picture."""
        return self.results / f"{row}.nrrd"

    def evaluations(self, row: str) -> Path:
        """Return the folder of the evaluations of these labels, one file per case."""
        return self.run(row) / "evaluations"


def make_data(
    workspace: Workspace, scale: Scale, jobs: int = 1, progress: Progress = no_progress
) -> Dataset:
    """Make the phantoms of a scale and prepare the training data; existing data are kept.

    Args:
        workspace: The folder.
        scale: Scale of the comparison.
        jobs: Number of processes.
        progress: Called with (cases done, number of cases), for each of three parts.

    Returns:
        The unseen hands.

    Raises:
        OutputError: If the folder contains phantoms with other settings.
    """
    from amcnet.data.preparation import prepare_dataset
    from amcnet.phantom import write_dataset

    data, recipe = scale.data, scale.data.recipe()
    workspace.unseen.parent.mkdir(parents=True, exist_ok=True)
    write_dataset(workspace.training, data.training, data.training_seed, recipe, jobs, progress)
    write_dataset(workspace.unseen, data.unseen, data.unseen_seed, recipe, jobs, progress)
    hands, unseen = read_dataset(workspace.training), read_dataset(workspace.unseen)
    for dataset, count in ((hands, data.training), (unseen, data.unseen)):
        if len(dataset.cases) != count:
            raise OutputError(
                f"{dataset.folder}: holds {count_text(len(dataset.cases), 'phantom')}, "
                f"expected {count}: choose "
                "another folder"
            )
    preprocessing = Preprocessing.model_validate(scale.training.get("preprocessing", {}))
    prepare_dataset(hands, preprocessing, workspace.prepared, jobs, progress)
    return unseen
