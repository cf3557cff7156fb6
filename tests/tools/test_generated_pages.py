"""The generated pages of the documentation equal what their scripts make of the results."""

import pytest

from tools import (
    inference_page,
    model_page,
    own_data_page,
    paper_tables_page,
    phantom_page,
    serving_page,
)


@pytest.mark.parametrize("script", [inference_page, own_data_page, phantom_page, serving_page])
def test_a_page_of_figures(script):
    assert script.PAGE.read_text(encoding="utf-8") == script.page()


def test_the_page_of_scores():
    page = model_page.page(model_page.committed_results())
    assert model_page.PAGE.read_text(encoding="utf-8") == page


@pytest.mark.slow
def test_the_papers_tables():
    page = paper_tables_page.page(paper_tables_page.RESULTS, paper_tables_page.PAGE)
    assert paper_tables_page.PAGE.read_text(encoding="utf-8") == page
