"""Write docs/serving-figures.md from the committed results.

    python benchmarks/serving.py --volumes 200 --clients 16 --model MODEL \\
        --json results/serving.json
    AMCNET_KILLS_JSON=results/service_kills.json \\
        python -m pytest -m slow tests/service/test_killed.py
    python -m tools.serving_page
"""

import json
from pathlib import Path
from typing import Any

from benchmarks import serving

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "serving-figures.md"


def read(name: str) -> Any:  # noqa: ANN401
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def page() -> str:
    """Return the page as Markdown; without the part on kills where those were not counted yet."""
    load = serving.read_load(read("serving"))
    kills = kill_part(read("service_kills")) if (RESULTS / "service_kills.json").exists() else ""
    return f"""# The service in figures

Written by `python -m tools.serving_page` from `results/`; do not edit. The head of that script
lists the commands that measure.

## Load

Small volumes (24 x 40 x 36 voxels) of noise and a tiny untrained model, so that the network does
not hide what the service adds: queue, transfer and checks. Command and service take turns, block by
block, on two cores. What the service adds to a volume is a fraction of a second of processor time;
a hand of full size takes twenty.

```
{serving.report(load)}
```

Every volume came back, equal to the file of the command in every byte.
{kills}"""


def kill_part(kills: dict[str, Any]) -> str:
    """Return the part on the kills."""
    hit = "\n".join(f"| {name} | {count} |" for name, count in kills["hit"].items())
    log = "\n".join(kills["log"])
    return f"""
## Kills

While people upload volumes and a scanner sends series by DICOM, the service is ended by `kill -9`
{kills["kills"]} times and started again. Each kill aims at one situation and waits a random time in
it; the files of the killed process say what it was doing.

| situation | kills that hit it |
|---|---|
{hit}

{kills["uploads"]} uploads and {kills["series"]} series were accepted. Each ended in exactly one
result: none was lost, done twice or half-written, and each segmentation arrived once at the other
node, equal to the stored one.

```
{log}
```
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
