"""Export a model for other software as one folder, which appears complete or not at all."""

from pathlib import Path
from typing import Literal, get_args

from amcnet.bundle.bundle import Bundle, load_bundle
from amcnet.bundle.formats.openvino_ir import write_openvino
from amcnet.errors import ModelError, OutputError
from amcnet.extras import require_extra
from amcnet.io.atomic_folders import new_folder, put_in_place

FormatName = Literal["monai-bundle", "onnx", "openvino"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)


def export_model(
    model: str | Path | None, format_name: FormatName, path: Path, overwrite: bool = False
) -> Bundle:
    """Export a model as a folder for other software.

    Args:
        model: Folder, run folder or installed name, see :func:`amcnet.bundle.find_model`.
        format_name: One of :data:`FORMATS`. All but ``openvino`` need PyTorch.
        path: The folder to write.
        overwrite: Replace a folder that contains only an earlier export of the same format.

    Returns:
        The bundle that was exported.

    Raises:
        MissingExtraError: If the format needs PyTorch, which is not installed.
        ModelError: If the model is missing or damaged, or the format is unknown.
        OutputError: If the folder cannot be written.

    >>> _ = export_model("hand", "openvino", Path("hand-openvino"))
    >>> sorted(path.name for path in Path("hand-openvino").glob("model.*"))
    ['model.bin', 'model.json', 'model.xml']
    """
    if format_name not in FORMATS:
        raise ModelError(f"format: found '{format_name}', expected one of {', '.join(FORMATS)}")
    if format_name != "openvino":
        require_extra("train", f"the format '{format_name}'")
    _check_place(path, overwrite)
    bundle = load_bundle(model)
    with new_folder(path) as folder:
        _write(format_name, bundle, folder)
        if path.exists() and overwrite:
            _check_replaceable(path, folder)
        put_in_place(folder, path, overwrite)
    return bundle


def _write(format_name: FormatName, bundle: Bundle, folder: Path) -> None:
    if format_name == "openvino":
        write_openvino(bundle, folder)
    elif format_name == "onnx":
        from amcnet.bundle.formats.onnx import write_onnx

        write_onnx(bundle, folder)
    else:
        from amcnet.bundle.formats.monai.monai_bundle import write_monai

        write_monai(bundle, folder)


def _check_place(path: Path, overwrite: bool) -> None:
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder '{path.parent}' does not exist, create it first")
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: is a file, expected a folder")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: already exists, use --overwrite to replace it")


def _check_replaceable(path: Path, folder: Path) -> None:
    """Check that a folder to be replaced contains only an earlier export."""
    written = {file.relative_to(folder) for file in folder.rglob("*")}
    for file in sorted(path.rglob("*")):
        if file.relative_to(path) not in written:
            raise OutputError(
                f"{path}: holds {file.relative_to(path)}, which is not part of such an export, "
                "expected an earlier one or another name"
            )
