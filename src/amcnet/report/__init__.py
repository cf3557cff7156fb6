"""Reports for people: pictures of a segmented volume."""

from amcnet.report.preview import write_preview

__all__ = ["write_preview"]
