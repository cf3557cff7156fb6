import pytest

from amcnet.cli.train import _fold
from amcnet.errors import ConfigError


def test_folds() -> None:
    assert [_fold(text) for text in (None, "all", "0", "12")] == [None, "all", 0, 12]
    with pytest.raises(ConfigError, match="found 'first', expected a number or 'all'"):
        _fold("first")
