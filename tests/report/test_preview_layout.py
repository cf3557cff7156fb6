import pytest

from amcnet.report.preview_layout import lay_out


@pytest.mark.parametrize("overview_aspect", [0.01, 1.28, 6.0])
@pytest.mark.parametrize(("slice_aspect", "count"), [(0.3, 4), (0.3, 1), (5.0, 3)])
def test_panels_keep_their_proportions_and_stay_apart(overview_aspect, slice_aspect, count):
    page = lay_out(overview_aspect, slice_aspect, count)
    width, height = page.size_inches
    for panel, aspect in [(page.overview, overview_aspect)] + [
        (panel, slice_aspect) for panel in page.slices
    ]:
        assert panel[3] * height / (panel[2] * width) == pytest.approx(aspect)
        assert min(panel) > 0
        assert panel[0] + panel[2] < 1
        assert panel[1] + panel[3] < 1
    assert page.slices[0][0] > page.overview[0] + page.overview[2]
    for upper, lower in zip(page.slices, page.slices[1:], strict=False):
        assert lower[1] + lower[3] < upper[1]
