"""The folder of a MONAI bundle: configurations, TorchScript, licence and a page to read."""

import html
import json
from pathlib import Path
from typing import Any

from amcnet.bundle.bundle import Bundle
from amcnet.bundle.description import BundleDescription
from amcnet.bundle.formats.monai.monai_config import inference, metadata
from amcnet.bundle.formats.network import write_torchscript
from amcnet.io.verified_files import copy_verified, write_verified

_NOT_A_DEVICE = "Not a medical device"
_README = """# {name}

{notice}

- Trained on: {training_data}
- Structures: {structures}
- Licence of the weights: {licence}

Run it from this folder, with MONAI, PyTorch, nibabel and fire installed:

```
python -m monai.bundle run --config_file configs/inference.json --dataset_dir INPUT --output_dir OUT
```

{input_text}
The labels come out on the grid of the input, `NAME_seg.nii.gz`, with the values that
`configs/metadata.json` lists under `outputs`. An image is turned to the axes (scan, lateral, depth)
= LPS (z, y, x) by its direction cosines. The logits of the whole image are held at once, on the
network's grid. Unlike `amcnet segment`, small loose pieces of a structure are kept.
"""


def write_monai(bundle: Bundle, folder: Path) -> None:
    """Write a MONAI bundle into a folder.

    It holds ``configs/metadata.json``, ``configs/inference.json``, ``models/model.ts``
    (TorchScript), ``scripts/`` (two transforms), ``docs/README.md`` and ``LICENSE``, and runs
    without this package.
    """
    description = bundle.description
    for name in ("configs", "models", "scripts", "docs"):
        (folder / name).mkdir()
    _write_json(folder / "configs" / "metadata.json", metadata(description))
    _write_json(folder / "configs" / "inference.json", inference(description))
    write_torchscript(bundle, folder / "models" / "model.ts")
    copy_verified(Path(__file__).with_name("grid.py"), folder / "scripts" / "grid.py")
    text = '"""The transforms of this bundle."""\n'
    write_verified(folder / "scripts" / "__init__.py", text)
    write_verified(folder / "docs" / "README.md", _readme(description))
    write_verified(folder / "LICENSE", _licence(description.licence))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_verified(path, text + "\n")


def _readme(description: BundleDescription) -> str:
    notice = description.notice
    if _NOT_A_DEVICE.lower() not in notice.lower():
        notice = f"{notice} {_NOT_A_DEVICE}; for research only."
    channels = description.architecture.in_channels
    input_text = "INPUT is a folder of `.nii.gz` files (`--file_ending` says otherwise)."
    if channels > 1:
        input_text = (
            f"INPUT is a folder of `NAME_0000.nii.gz` to `NAME_{channels - 1:04d}.nii.gz`, one for "
            "each\nchannel (`--file_ending` says otherwise)."
        )
    return _README.format(
        # Texts of a model that may come from a stranger: no HTML in the page.
        name=html.escape(description.name, quote=False),
        notice=html.escape(notice, quote=False),
        training_data=html.escape(description.provenance.training_data, quote=False),
        structures=len(description.labels),
        licence=html.escape(description.licence or "not stated", quote=False),
        input_text=input_text,
    )


def _licence(spdx: str) -> str:
    if not spdx:
        return (
            "The makers of this model have not stated a licence of its weights: ask them.\n"
            "scripts/ is part of amcnet (Apache-2.0).\n"
        )
    return (
        f"SPDX-License-Identifier: {spdx}\n\n"
        f"The weights of this model are licensed under {spdx}, see\n"
        f"https://spdx.org/licenses/{spdx}.html. scripts/ is part of amcnet (Apache-2.0).\n"
    )
