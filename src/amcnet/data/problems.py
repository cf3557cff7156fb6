"""What is wrong with a data set, said in one line each."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong (an error) or looks odd (a warning).

    Attributes:
        severity: With an error a data set cannot be used.
        case: Name of the case, empty for what concerns the data set as a whole.
        what: One sentence; files are named relative to the data set's folder.
    """

    severity: Literal["error", "warning"]
    case: str
    what: str
