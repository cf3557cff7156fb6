"""Data sets: layout on disk, checks, training plan and preprocessing."""

from amcnet.data.case_properties import CaseProperties
from amcnet.data.dataset_check import CheckReport, check_dataset
from amcnet.data.dataset_growth import Correction, add_case
from amcnet.data.dataset_layout import Case, Dataset, read_dataset
from amcnet.data.fingerprint import Fingerprint, make_fingerprint
from amcnet.data.label_files import LabelNames, read_label_file, read_label_table
from amcnet.data.label_table_writing import write_label_file
from amcnet.data.preprocessing import Preprocessing
from amcnet.data.problems import Problem
from amcnet.data.training_plan import Plan, PlanBudget, plan_preprocessing

__all__ = [
    "Case",
    "CaseProperties",
    "CheckReport",
    "Correction",
    "Dataset",
    "Fingerprint",
    "LabelNames",
    "Plan",
    "PlanBudget",
    "Preprocessing",
    "Problem",
    "add_case",
    "check_dataset",
    "make_fingerprint",
    "plan_preprocessing",
    "read_dataset",
    "read_label_file",
    "read_label_table",
    "write_label_file",
]
