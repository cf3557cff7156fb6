"""Write docs/own-data-figures.md and its picture from the committed results.

python -m benchmarks.own_data --minutes 6 --nnunet PYTHON --json results/own_data.json
amcnet phantom --count 26 --seed 860000 --grid half --out datasets/few-scans
python -m studies.few_scans datasets/few-scans --minutes 4
python -m studies.long_bone --minutes 10
python -m tools.own_data_page
"""

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks import own_data
from studies import few_scans, long_bone
from studies.stored_rows import Row

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "own-data-figures.md"
PICTURE = ROOT / "docs" / "pictures" / "few-scans.png"


def read(name: str) -> Any:  # noqa: ANN401
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def page() -> str:
    """Return the page as Markdown."""
    kinds, few, bone = read("own_data"), read("few_scans"), read("long_bone")
    minutes = few["conditions"]["minutes"]
    return f"""# Own data in figures

Written by `python -m tools.own_data_page` from `results/`; do not edit. The head of that script
lists the commands that measure. All images are synthetic. Each row is one training with one seed.

## Three kinds of anatomy, equal time

Two lobes that touch, vertebrae in thick slices, and a branching vessel, drawn by
`benchmarks/own_data.py`. Every network trains on the same cases for the same processor time, on one
core, and is scored on {kinds["conditions"]["held_out_cases"]} other cases. `amcnet` uses what
`amcnet prepare` writes for {kinds["conditions"]["minutes"]:g} minutes, nnU-Net its own plan,
augmentation and trainer. nnU-Net is made for days on a GPU: in this time it takes 20 to 40 steps,
which says nothing about what it reaches. The baseline trains on patches of 32 voxels, without
augmentation.

{own_data.text_of(kinds["rows"])}

## From few scans

Hands of other shapes, rendered by a program that shares nothing with the phantom's renderer
(`studies/few_scans.py`). Every training takes {minutes:g} minutes of one core and is scored on
{few_scans.TESTS} other hands of this origin, without and with a refiner: the bundled one, except
where the refiner was trained. Bones and epiphyses are with it. The last two columns are Dice on the
same hands as the phantom renders them, which shows what the model forgets.

![Dice by number of scans](pictures/{PICTURE.name})

{few_scans.text_of(few["rows"])}

## A long bone in water

Three stacks of one bone for training, three for testing (`studies/long_bone.py`), bone against
background, {bone["minutes"] * bone["threads"]:g} core minutes.

{long_bone.text_of(bone["rows"])}
"""


def picture(rows: list[Row]) -> Figure:
    """Draw Dice by number of scans, one line for each recipe."""
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    untrained = next(row for row in rows if row["cases"] == 0)
    axes.axhline(untrained["refined_dice"], color="0.5", linestyle=":", label="bundled model")
    for recipe in few_scans.RECIPES:
        own = sorted((r["cases"], r["refined_dice"]) for r in rows if r["recipe"] == recipe)
        if own:
            axes.plot(*zip(*own, strict=True), marker="o", label=recipe)
    axes.set_xscale("log")
    axes.set_xticks(few_scans.CASES, labels=[str(count) for count in few_scans.CASES])
    axes.minorticks_off()
    axes.set(xlabel="labelled scans", ylabel="Dice on hands of other origin, with refiner")
    axes.legend(fontsize="small")
    return figure


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    picture(read("few_scans")["rows"]).savefig(PICTURE, dpi=110)
