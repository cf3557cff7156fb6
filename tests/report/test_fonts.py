"""Texts of pictures in any language."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from amcnet.anatomy import LabelTable
from amcnet.report.confusion import confusion_figure
from amcnet.report.fonts import add_fonts, fonts_for
from amcnet.workflows.output_files import write_figure

NOWHERE = "\U00030000"  # a rare Chinese character
SCRIPT_A = "\N{MATHEMATICAL SCRIPT CAPITAL A}"  # in the STIX fonts of Matplotlib


def test_another_font_draws_what_the_own_one_does_not_have() -> None:
    assert not get_font(findfont(FontProperties())).get_char_index(ord(SCRIPT_A))
    figure = Figure()
    name, plain = figure.text(0, 0, f"Rippe {SCRIPT_A}"), figure.text(0, 0, "Rippe")
    assert add_fonts(figure) == ""
    assert any(
        get_font(findfont(FontProperties(family=[family]))).get_char_index(ord(SCRIPT_A))
        for family in name.get_fontfamily()
    )
    assert len(plain.get_fontfamily()) == 1


@pytest.mark.parametrize("extension", [".png", ".pdf", ".svg"])
def test_what_no_font_has_is_said_in_one_line(
    tmp_path: Path, extension: str, caplog: pytest.LogCaptureFixture
) -> None:
    table = LabelTable.from_names(["Wirbelkörper", f"Rippe {NOWHERE}"])
    path = tmp_path / f"a{extension}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_figure(path, confusion_figure(np.diag([9, 5, 5]), table))
    assert path.stat().st_size > 0
    (message,) = caplog.messages
    assert message.startswith(f"{path}: no installed font has the characters ")


def test_plain_texts_need_nothing(caplog: pytest.LogCaptureFixture) -> None:
    figure = Figure()
    figure.text(0, 0, "Rippe")
    with fonts_for(figure, "a.png"):
        pass
    assert caplog.messages == []
