"""One-line summaries of all commands, and the examples at the end of their help."""

from collections.abc import Mapping

SUMMARIES: Mapping[str, str] = {
    "segment": "Segment volumes: every bone gets its own label.",
    "evaluate": "Compare segmentations with references.",
    "measure": "Measure structures in mm.",
    "mesh": "Write closed surfaces for 3D printing and viewers.",
    "check": "Find missing, misplaced or implausible structures.",
    "view": "Show slices, 3D, sizes and verdict in the browser.",
    "serve": "Serve a department: HTTP, DICOM, a queue on disk.",
    "confusion": "Draw the confusion matrix of label files.",
    "summarise": "Summarise evaluations of many cases as a table.",
    "compare-results": "Compare two evaluations case by case.",
    "phantom": "Make synthetic hands with synthetic ultrasound.",
    "prepare": "Check a data set and prepare it for training.",
    "dataset": "Build a data set of your own corrected scans.",
    "train": "Train a network on prepared data.",
    "adapt": "Adapt a model to scans without labels.",
    "paper-tables": "Train and evaluate every method of a table of the paper.",
    "demo": "Make a phantom, segment, measure and evaluate it.",
    "doctor": "Check the installation and the speed of this machine.",
    "labels": "List label values with their names and colours.",
    "export": "Export a model for MONAI, ONNX or OpenVINO.",
    "models": "Install, list, score, remove and pack models.",
}
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
    "serve": (
        "amcnet serve",
        "amcnet serve --http 0.0.0.0:8042 --token-file tokens.txt --data /srv/amcnet",
    ),
    "confusion": ("amcnet confusion labels/ results/ -o confusion.png",),
    "summarise": ("amcnet summarise scores.json -o table.md",),
    "compare-results": ("amcnet compare-results first.json second.json",),
    "phantom": ("amcnet phantom --count 10 --seed 800000 --out phantoms",),
    "prepare": (
        "amcnet prepare dataset --check",
        "amcnet prepare dataset -o prepared --from hand",
    ),
    "train": ("amcnet train prepared",),
    "adapt": (
        "amcnet adapt scans/ -o runs/adapted",
        "amcnet adapt scans/ -o runs/adapted --from runs/knees --max-time 2h",
    ),
    "paper-tables": (
        "amcnet paper-tables table1",
        "amcnet paper-tables table2 --rows amcnet,amcnet-ac",
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
    """Return examples as the last paragraph of a help text, one per line."""
    return "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
