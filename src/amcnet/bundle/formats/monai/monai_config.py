"""The configuration files of a MONAI bundle."""

from typing import Any

import monai
import numpy as np
import torch

from amcnet.bundle.description import BundleDescription

_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)
_VERSION = "1.0.0"
_OVERLAP = 0.5
_SIGMA = 0.25  # of the window, as in amcnet.inference.stream


def metadata(description: BundleDescription) -> dict[str, Any]:
    """Return the content of ``configs/metadata.json``."""
    channels = description.architecture.in_channels
    names = {"0": "background"} | {str(s.value): s.name for s in description.label_table}
    shape = [description.window, "*", "*"]
    common = {"type": "image", "spatial_shape": shape, "dtype": "float32", "is_patch_data": True}
    image = common | {
        "format": "magnitude",
        "modality": "n/a",
        "num_channels": channels,
        "value_range": [],
        "channel_def": {str(n): f"channel {n}" for n in range(channels)},
    }
    pred = common | {
        "format": "labels",
        "num_channels": len(names),
        "value_range": [],
        "channel_def": names,
    }
    return {
        "schema": _SCHEMA,
        "version": _VERSION,
        "changelog": {_VERSION: "exported by amcnet"},
        "monai_version": monai.__version__,
        "pytorch_version": torch.__version__.split("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": {"nibabel": "5.0"},
        "name": description.name,
        "task": "Segmentation of 3D images",
        "description": f"{description.notice} Axes: (scan, lateral, depth).",
        "authors": "see docs/README.md",
        "copyright": f"weights: {description.licence or 'not stated'}",
        "intended_use": description.notice,
        "data_source": description.provenance.training_data,
        "network_data_format": {"inputs": {"image": image}, "outputs": {"pred": pred}},
    }


def inference(description: BundleDescription) -> dict[str, Any]:
    """Return the content of ``configs/inference.json``."""
    return {
        "imports": ["$import glob", "$import torch"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/input'",
        "output_dir": "$@bundle_root + '/eval'",
        "file_ending": ".nii.gz",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "datalist": _datalist(description.architecture.in_channels),
        "preprocessing": {"_target_": "Compose", "transforms": _preprocessing(description)},
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': files} for files in @datalist]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1},
        "network_def": (
            "$torch.jit.load(@bundle_root + '/models/model.ts', map_location=@device).eval()"
        ),
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": [description.window, -1, -1],
            "sw_batch_size": 1,
            "overlap": _OVERLAP,
            "mode": "gaussian",
            "sigma_scale": _SIGMA,
            "device": "cpu",
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "scripts.grid.ToLabels"},
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_postfix": "seg",
                    "output_ext": ".nii.gz",
                    "output_dtype": "$np.uint8",
                    "separate_folder": False,
                },
            ],
        },
        # What tools that look for MONAI's own engine take; it needs pytorch-ignite.
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network_def",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
        },
        "segment": (
            "$lambda item: @postprocessing({**item, "
            "'pred': @inferer(item['image'][None].to(@device), @network_def)[0]})"
        ),
        "run": [
            "$torch.set_grad_enabled(False)",
            "$[@segment(item) and None for item in @dataset]",
        ],
    }


def _datalist(channels: int) -> str:
    """Return an expression for the files of the cases: a path, or a list of one a channel."""
    if channels == 1:
        return "$sorted(glob.glob(@dataset_dir + '/*' + @file_ending))"
    return (
        f"$[[f'_{{n:04d}}'.join(first.rsplit('_0000', 1)) for n in range({channels})] "
        "for first in sorted(glob.glob(@dataset_dir + '/*_0000' + @file_ending))]"
    )


def _preprocessing(description: BundleDescription) -> list[dict[str, Any]]:
    settings = description.preprocessing.model_dump(mode="json")
    how = settings["normalisation"]
    channels = how if isinstance(how, list) else [how] * description.architecture.in_channels
    return [
        {"_target_": "LoadImaged", "keys": "image", "ensure_channel_first": True},
        {
            "_target_": "scripts.grid.ToNetworkGrid",
            "spacing_mm": settings["spacing_mm"],
            "scan_tolerance": settings["scan_tolerance"],
        },
        {"_target_": "scripts.grid.Normalise", "channels": channels},
        {"_target_": "scripts.grid.FillWindow", "window": description.window},
    ]
