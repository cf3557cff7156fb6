"""Train nnU-Net v2 and segment held-out cases; own_data.py runs it where nnU-Net is installed.

    python benchmarks/nnunet_worker.py DATA HELD_OUT WORK SECONDS

DATA and HELD_OUT hold ``images`` and ``labels`` in NIfTI, DATA also ``dataset.json``. nnU-Net's own
planner, preprocessing, augmentation, trainer and inference are used with their defaults, and the 3D
full-resolution configuration; only the length of the run is changed, so that its schedule ends with
the processor time. Predictions are written to WORK/predicted, figures to WORK/figures.json.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

DATASET = "Dataset001_own"
EPOCHS = 20  # nnU-Net's schedule changes the learning rate once an epoch
MEASURED_STEPS = 4


def spent_seconds() -> float:
    """Return the processor time of this process and its ended children."""
    return sum(os.times()[:4])


def write_raw(data: Path, raw: Path) -> None:
    """Write the data set in nnU-Net's layout."""
    folder = raw / DATASET
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    images = sorted((data / "images").iterdir())
    for path in images:
        name = path.name.removesuffix(".nii.gz")
        shutil.copyfile(path, folder / "imagesTr" / f"{name}_0000.nii.gz")
        shutil.copyfile(data / "labels" / path.name, folder / "labelsTr" / path.name)
    labels = json.loads((data / "dataset.json").read_text(encoding="utf-8"))["labels"]
    description = {
        "channel_names": {"0": "MRI"},  # z-score, as for the others
        "labels": {"background": 0, **labels},
        "numTraining": len(images),
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")


def plan(preprocessed: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plan and preprocess; return nnU-Net's plans and the data set's description."""
    from nnunetv2.experiment_planning import plan_and_preprocess_api as steps

    steps.extract_fingerprints([1], num_processes=1)
    steps.plan_experiments([1])
    steps.preprocess([1], "nnUNetPlans", ("3d_fullres",), (1,))
    folder = preprocessed / DATASET
    names = "nnUNetPlans.json", "dataset.json"
    plans, description = (json.loads((folder / name).read_text("utf-8")) for name in names)
    return plans, description


def fit(plans: dict[str, Any], description: dict[str, Any], seconds: float) -> Any:  # noqa: ANN401
    """Train for some processor time and return the trainer."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    class TimedTrainer(nnUNetTrainer):  # type: ignore[misc, unused-ignore]
        """nnU-Net's trainer for as many steps as the time holds."""

        def on_train_start(self) -> None:
            super().on_train_start()
            began = spent_seconds()
            for _ in range(MEASURED_STEPS):
                self.train_step(next(self.dataloader_train))
            one = (spent_seconds() - began) / MEASURED_STEPS
            steps = max(EPOCHS, int(seconds / one))
            self.num_iterations_per_epoch = steps // EPOCHS

    plans = {**plans, "continue_training": False}  # as nnU-Net's own command does
    trainer = TimedTrainer(plans, "3d_fullres", "all", description, device=torch.device("cpu"))
    trainer.num_epochs = EPOCHS
    trainer.num_val_iterations_per_epoch = 1
    trainer.save_every = 10 * EPOCHS
    trainer.initialize()
    trainer.run_training()
    return trainer


def predict(trainer: Any, held_out: Path, out: Path) -> None:  # noqa: ANN401
    """Segment all images with nnU-Net's own inference."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        trainer.dataset_json,
        "nnUNetTrainer",
        trainer.inference_allowed_mirroring_axes,
    )
    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    images = sorted((held_out / "images").iterdir())
    targets = [str(out / path.name.removesuffix(".nii.gz")) for path in images]
    out.mkdir()
    predictor.predict_from_files_sequential([[str(path)] for path in images], targets)


def main() -> None:
    """Run all steps."""
    data, held_out, work = map(Path, sys.argv[1:4])
    folders = {f"nnUNet_{name}": work / name for name in ("raw", "preprocessed", "results")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    os.environ |= {name: str(folder) for name, folder in folders.items()}
    os.environ |= {"nnUNet_n_proc_DA": "1", "nnUNet_compile": "f", "nnUNet_def_n_proc": "1"}
    write_raw(data, work / "raw")
    began = spent_seconds()
    plans, description = plan(work / "preprocessed")
    os.environ |= {"nnUNet_n_proc_DA": "0"}  # augments in this process, so that its time counts
    seconds = float(sys.argv[4]) - (spent_seconds() - began)
    trainer = fit(plans, description, seconds)
    figures = {
        "steps": trainer.num_epochs * trainer.num_iterations_per_epoch,
        "processor_seconds": spent_seconds() - began,
    }
    predict(trainer, held_out, work / "predicted")
    (work / "figures.json").write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
