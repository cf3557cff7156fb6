"""Write docs/inference-figures.md from the committed results.

    python benchmarks/inference.py datasets/full-grid/imagesTr/hand_800100_0000.nrrd \
        --json results/inference.json
    python studies/quality.py datasets/unseen --json results/quality.json
    python studies/cleanup.py datasets/unseen --json results/cleanup.json
    python studies/precision.py datasets/unseen --json results/precision.json
    python benchmarks/memory.py --json results/memory.json
    python tools/inference_page.py
"""

import json
from pathlib import Path
from typing import Any

import cleanup
import inference
import memory
import precision
import quality

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "inference-figures.md"


def read(name: str) -> Any:  # noqa: ANN401
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def page() -> str:
    """Return the page as Markdown."""
    return f"""# Inference in figures

Written by `python tools/inference_page.py` from `results/`; do not edit. The
head of that script lists the commands that measure. The bundled model throughout; phantoms only.

## A full-size volume

{inference.report(read("inference"))}

## Quality

Ten unseen phantoms at network grid, scored at their own resolution.

{quality.report(read("quality"))}

The plane is never cropped or cut into tiles. Instance norm sees the whole window, and the last row
is what the best possible crop would cost. What is skipped are windows without any contrast.

## Clean-up

The same phantoms, each segmented once.

{cleanup.table_of(read("cleanup"))}

## Precision

Seconds of one window. float32 is used unless the processor has AMX.

{precision.report(read("precision"))}

## Memory

What a volume takes beyond the loaded model, and what is planned for it before work starts.

{memory.report(read("memory"))}
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
