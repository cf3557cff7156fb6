"""Workflows: files in, files out. The command line, 3D Slicer and Dask call these."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amcnet.workflows.check_files import (
        check_file,
        check_result,
        write_label_report,
    )
    from amcnet.workflows.demo import DemoResult, run_demo
    from amcnet.workflows.evaluate.evaluation_run import (
        EvaluateOptions,
        evaluate_folders,
        evaluate_pair,
    )
    from amcnet.workflows.evaluate.files import evaluate_files
    from amcnet.workflows.evaluate.pairs import FoundPairs, Pair, find_pairs
    from amcnet.workflows.label_names import find_label_names, names_of_files
    from amcnet.workflows.measure import FileMeasurements, find_label_files, measure_files
    from amcnet.workflows.measurement_tables import (
        write_file_measurements,
        write_measurements_csv,
    )
    from amcnet.workflows.mesh import MESH_EXTENSIONS, check_mesh_output, write_surfaces
    from amcnet.workflows.outcome import Outcome
    from amcnet.workflows.output_files import (
        TABLE_EXTENSIONS,
        write_figure,
        write_json,
        write_table,
        write_text,
    )
    from amcnet.workflows.segment.axes_search import search_axes
    from amcnet.workflows.segment.dask_cluster import segment_files_on_cluster
    from amcnet.workflows.segment.masks import write_each
    from amcnet.workflows.segment.options import Job, SegmentOptions
    from amcnet.workflows.segment.plan import plan_files
    from amcnet.workflows.segment.result import SegmentedFile
    from amcnet.workflows.segment.run import segment_files

__all__ = [
    "MESH_EXTENSIONS",
    "TABLE_EXTENSIONS",
    "DemoResult",
    "EvaluateOptions",
    "FileMeasurements",
    "FoundPairs",
    "Job",
    "Outcome",
    "Pair",
    "SegmentOptions",
    "SegmentedFile",
    "check_file",
    "check_mesh_output",
    "check_result",
    "evaluate_files",
    "evaluate_folders",
    "evaluate_pair",
    "find_label_files",
    "find_label_names",
    "find_pairs",
    "measure_files",
    "names_of_files",
    "plan_files",
    "run_demo",
    "search_axes",
    "segment_files",
    "segment_files_on_cluster",
    "write_each",
    "write_figure",
    "write_file_measurements",
    "write_json",
    "write_label_report",
    "write_measurements_csv",
    "write_surfaces",
    "write_table",
    "write_text",
]

_MODULES = {
    "check_files": ("check_file", "check_result", "write_label_report"),
    "outcome": ("Outcome",),
    "segment.axes_search": ("search_axes",),
    "demo": ("DemoResult", "run_demo"),
    "evaluate.files": ("evaluate_files",),
    "evaluate.pairs": ("FoundPairs", "Pair", "find_pairs"),
    "evaluate.evaluation_run": ("EvaluateOptions", "evaluate_folders", "evaluate_pair"),
    "label_names": ("find_label_names", "names_of_files"),
    "measure": ("FileMeasurements", "find_label_files", "measure_files"),
    "measurement_tables": ("write_file_measurements", "write_measurements_csv"),
    "output_files": ("TABLE_EXTENSIONS", "write_figure", "write_json", "write_table", "write_text"),
    "mesh": ("MESH_EXTENSIONS", "check_mesh_output", "write_surfaces"),
    "segment.dask_cluster": ("segment_files_on_cluster",),
    "segment.masks": ("write_each",),
    "segment.plan": ("plan_files",),
    "segment.options": ("Job", "SegmentOptions"),
    "segment.result": ("SegmentedFile",),
    "segment.run": ("segment_files",),
}


def __getattr__(name: str) -> object:
    """Import a workflow on first use."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"amcnet.workflows.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
