"""One of the paper's tables, from data to the finished page."""

from amcnet.data import read_dataset
from amcnet.paper_tables.hands_picture import write_picture
from amcnet.paper_tables.row_pictures import write_row_pictures
from amcnet.paper_tables.row_results import read_finished
from amcnet.paper_tables.row_runner import RowTask, run_rows
from amcnet.paper_tables.rows import TableName, paper_tables, rows_of
from amcnet.paper_tables.scale import Scale
from amcnet.paper_tables.table_page import write_table_page
from amcnet.paper_tables.workspace import Workspace
from amcnet.parallel import Progress, no_progress
from amcnet.training.hardware import is_first_process


def run_table(
    name: TableName,
    scale: Scale,
    workspace: Workspace,
    rows: tuple[str, ...] = (),
    jobs: int = 1,
    progress: Progress = no_progress,
) -> None:
    """Run the rows of a table that are not finished, and write its page.

    The page ``NAME.md`` contains all finished rows of the table and is rewritten after each row. An
    interrupted call can be repeated.

    Args:
        name: The table.
        scale: The settings of all rows.
        workspace: The folder; the other table of the scale may share it.
        rows: Names of rows to run; by default all.
        jobs: Processes that make phantoms.
        progress: Called with (cases done, number of cases) in each part of the work except
            training.

    Raises:
        ConfigError: If a row is unknown, or rows in the folder were started with other settings.
        OutputError: If the folder contains other phantoms.
        TrainingError: If a training run cannot be resumed.
    """
    tasks = [RowTask(row) for row in rows_of(name, rows)]
    for _ in run_rows(tasks, scale, workspace, jobs, progress):
        write_table_page(name, workspace.results, workspace.folder / f"{name}.md")
    if is_first_process():
        _draw(name, workspace)
        write_table_page(name, workspace.results, workspace.folder / f"{name}.md")


def _draw(name: TableName, workspace: Workspace) -> None:
    table = paper_tables().tables[name]
    results = read_finished(workspace.results, table.names)
    if not results:
        return
    write_row_pictures(name, table, results, workspace.results)
    if workspace.unseen.is_dir():  # results may come from elsewhere, without the data
        path = workspace.results / f"{name}.png"
        write_picture(path, table, results, workspace, read_dataset(workspace.unseen))
