"""Reports for people: pictures and pages of a segmented volume."""

from importlib import import_module
from typing import TYPE_CHECKING

from amcnet.report.preview import write_preview

if TYPE_CHECKING:
    from amcnet.report.page import Subject, write_report

_WHERE = {
    "Subject": "page",
    "write_report": "page",
}
__all__ = [
    "Subject",
    "write_preview",
    "write_report",
]


def __getattr__(name: str) -> object:
    """Import what makes pages on first use; what only draws or tells does not need it."""
    if name in _WHERE:
        return getattr(import_module(f"amcnet.report.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
