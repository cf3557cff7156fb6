"""Examples of every command, shown at the end of its help."""

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "segment": (
        "amcnet segment scan.nrrd -o scan.seg.nrrd",
        "amcnet segment scans/ more/a.nii.gz -o results --quality best",
        "amcnet segment scan.nrrd -o thumb.seg.nrrd --only thumb --report thumb.html",
    ),
    "evaluate": (
        "amcnet evaluate reference.seg.nrrd scan.seg.nrrd",
        "amcnet evaluate labels/ results/ --json scores.json --jobs 2",
    ),
    "measure": (
        "amcnet measure scan.seg.nrrd",
        "amcnet measure results/ -o sizes.csv",
        "amcnet measure spleen.nii.gz --labels dataset.json -o spleen.json",
    ),
    "mesh": (
        "amcnet mesh scan.seg.nrrd -o surfaces",
        "amcnet mesh scan.seg.nrrd -o hand.glb",
        "amcnet mesh scan.seg.nrrd -o thumb --format vtp --structures thumb --smooth 0.4",
    ),
    "check": (
        "amcnet check scan.seg.nrrd",
        "amcnet check scan.seg.nrrd --image scan.nrrd --report scan.html",
    ),
    "view": ("amcnet view scan.nrrd scan.seg.nrrd", "amcnet view dicom-folder --series 2"),
    "confusion": ("amcnet confusion labels/ results/ -o confusion.png",),
    "summarise": ("amcnet summarise scores.json -o table.md",),
    "compare-results": ("amcnet compare-results first.json second.json",),
    "phantom": ("amcnet phantom --count 10 --seed 800000 --out phantoms",),
    "prepare": (
        "amcnet prepare dataset --check",
        "amcnet prepare dataset -o prepared --from hand",
    ),
    "train": ("amcnet train prepared",),
    "benchmark": (
        "amcnet benchmark table1",
        "amcnet benchmark table2 --rows amcnet,amcnet-ac",
    ),
    "dataset": ("amcnet dataset add scan.nrrd corrected.seg.nrrd --to data/mine",),
    "demo": ("amcnet demo --out demo",),
    "labels": (
        "amcnet labels",
        "amcnet labels -o hand.txt",
        "amcnet labels --labels dataset.json -o spine.label",
    ),
    "doctor": ("amcnet doctor", "amcnet doctor --no-speed --json doctor.json"),
    "export": ("amcnet export hand --format onnx -o hand-onnx",),
    "models": ("amcnet models list", "amcnet models install spine.zip"),
}
FIRST = (
    EXAMPLES["segment"][0],
    EXAMPLES["measure"][1],
    EXAMPLES["check"][0],
    EXAMPLES["view"][0],
    EXAMPLES["mesh"][1],
    EXAMPLES["doctor"][0],
    "amcnet segment --help",
    "amcnet --install-completion",
)


def epilog(examples: tuple[str, ...]) -> str:
    """Return examples as the last paragraph of a help text, a line for each."""
    return "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
