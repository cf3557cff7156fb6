"""Make docs/pictures/report-verdict.png: the report's picture in the colours of the verdict.

python tools/report_picture.py

The labels are the truth of a phantom with two planted errors: the middle and the distal phalanx of
the little finger are exchanged, and the distal phalanx of the index finger is cut short.
"""

from argparse import ArgumentParser
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amcnet.anatomy import hand_label_table
from amcnet.anatomy.hand_table import label_values
from amcnet.phantom import PhantomConfig, make_phantom
from amcnet.phantom.grids import HALF_GRID
from amcnet.report import Subject, report_contents

SEED = 0
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "report-verdict.png"


def with_planted_errors(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a copy of the labels of a hand with two errors that the check finds."""
    changed = labels.copy()
    middle, _ = label_values(5, "middle phalanx")
    distal, _ = label_values(5, "distal phalanx")
    changed[labels == middle], changed[labels == distal] = distal, middle
    short, _ = label_values(2, "distal phalanx")
    scan = np.flatnonzero((labels == short).any(axis=(1, 2)))
    half = changed[: scan[len(scan) // 2]]
    half[half == short] = 0
    return changed


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PICTURE)
    out = parser.parse_args().out
    phantom = make_phantom(SEED, PhantomConfig(HALF_GRID))
    labels = with_planted_errors(phantom.labels)
    table = hand_label_table()
    subject = Subject(labels, HALF_GRID.spacing_mm, table, phantom.image)
    contents = report_contents(subject, "Phantom", {})
    print(contents.quality.text())
    Image.open(BytesIO(contents.pictures[-1].png)).reduce(2).save(out, optimize=True)


if __name__ == "__main__":
    main()
