"""Run a MONAI bundle as ``python -m monai.bundle run`` does, with amcnet out of reach.

Usage: run_monai_bundle.py BUNDLE INPUT OUTPUT (.nrrd files; MONAI's own writers need packages
that the tests do without, so SimpleITK writes the labels).
"""

import inspect
import sys
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
import torch

sys.modules["amcnet"] = None  # type: ignore[assignment]

from monai.bundle import ConfigWorkflow  # noqa: E402
from monai.data import ImageWriter  # noqa: E402
from monai.engines import SupervisedEvaluator  # noqa: E402


class SimpleITKWriter(ImageWriter):
    def __init__(self, output_dtype: Any, **_: Any) -> None:
        super().__init__(output_dtype=output_dtype)

    def set_data_array(self, data_array: Any, **_: Any) -> None:
        self.array = np.asarray(data_array)[0].astype(self.output_dtype)

    def set_metadata(self, meta_dict: Any, **_: Any) -> None:
        self.affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(meta_dict["affine"])

    def write(self, filename: str, **_: Any) -> None:
        image = sitk.GetImageFromArray(self.array.transpose(2, 1, 0))
        spacing = np.linalg.norm(self.affine[:3, :3], axis=0)
        image.SetSpacing(spacing)
        image.SetOrigin(self.affine[:3, 3])
        image.SetDirection((self.affine[:3, :3] / spacing).ravel())
        sitk.WriteImage(image, str(filename))


torch.set_num_threads(1)  # small windows: two threads wait for each other on a busy machine
bundle, source, target = sys.argv[1:]
workflow = ConfigWorkflow(
    config_file=str(Path(bundle) / "configs" / "inference.json"),
    workflow_type="infer",
    logging_file=False,
    bundle_root=bundle,
    dataset_dir=source,
    output_dir=target,
    file_ending=".nrrd",
    **{
        "postprocessing::transforms::1::output_ext": ".nrrd",
        "postprocessing::transforms::1::writer": SimpleITKWriter,
    },
)
workflow.initialize()
workflow.run()
workflow.finalize()
# What MONAI asks of a bundle: all but the evaluator, which needs pytorch-ignite, can be made.
for name, wanted in workflow.properties.items():
    if wanted["required"] and name != "evaluator":
        assert getattr(workflow, name) is not None, name
given = set(workflow.parser["evaluator"]) - {"_target_"}
assert given <= set(inspect.signature(SupervisedEvaluator.__init__).parameters)
