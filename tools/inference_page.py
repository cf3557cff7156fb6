"""Write docs/inference-figures.md from the committed results.

    python -m benchmarks.inference datasets/full-grid/imagesTr/hand_800100_0000.nrrd \
        --json results/inference.json
    python studies/quality.py datasets/unseen --json results/quality.json
    python studies/cleanup.py datasets/unseen --json results/cleanup.json
    python studies/precision.py datasets/unseen --json results/precision.json
    python benchmarks/memory.py --json results/memory.json
    python -m tools.inference_page
"""

import json
from pathlib import Path
from typing import Any

from benchmarks import inference, memory
from studies import cleanup, precision, quality

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "inference-figures.md"


def read(name: str) -> Any:  # noqa: ANN401
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def page() -> str:
    """Return the page as Markdown."""
    return f"""# Inference in figures

Written by `python -m tools.inference_page` from `results/`; do not edit. That
script begins with the commands that measure. All results are of the bundled model on phantoms.

## A full-size volume

{inference.report(read("inference"))}

## Quality

Ten unseen phantoms on the network grid, scored at their own resolution.

{quality.report(read("quality"))}

The plane is never cropped or tiled. Instance norm depends on the whole window, and the last row
shows what the best possible crop would cost. Only windows without any contrast are skipped.

## Clean-up

The same phantoms, each segmented once.

{cleanup.table_of(read("cleanup"))}

## Precision

Seconds of one window. float32 is used unless the processor has AMX.

{precision.report(read("precision"))}

## Memory

Memory for a volume in addition to the loaded model, and the plan made before work starts.

{memory.report(read("memory"))}
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
