"""Reports for people: HTML pages, pictures and tables, returned as text and figures."""

from amcnet.report.page import Subject, report_contents
from amcnet.report.page_html import Contents, Picture, page_html
from amcnet.report.preview import preview_figure
from amcnet.report.views import HandViews, gather_views

__all__ = [
    "Contents",
    "HandViews",
    "Picture",
    "Subject",
    "gather_views",
    "page_html",
    "preview_figure",
    "report_contents",
]
