import logging
import warnings

import pytest

from amcnet.service.dicom.report_pdf import report_pdf

NOWHERE = "\U00030000"  # a rare Chinese character


def test_names_in_any_language(caplog: pytest.LogCaptureFixture) -> None:
    event = {
        "verdict": "look",
        "found": 1,
        "wanted": 2,
        "notes": [],
        "notice": "Untrained.",
        "findings": [{"message": f"Rippe {NOWHERE}: missing"}],
        "structures": [],
    }
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        content = report_pdf(event, "")
    assert content.startswith(b"%PDF")
    assert f"no installed font has the characters {NOWHERE}" in caplog.text
