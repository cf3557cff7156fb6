"""Export of a model bundle for other software: MONAI, ONNX or OpenVINO."""

from amcnet.bundle.formats.export import FORMATS, FormatName, export_model

__all__ = ["FORMATS", "FormatName", "export_model"]
