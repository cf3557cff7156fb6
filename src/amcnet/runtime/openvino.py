"""The only import of OpenVINO, which sends usage data if it is imported in the usual way."""

import sys
from functools import cache
from importlib import import_module
from types import ModuleType


@cache
def openvino() -> ModuleType:
    """Return the ``openvino`` module, imported without its telemetry."""
    # A None entry makes `import openvino_telemetry` fail; OpenVINO then works without it.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    module: ModuleType = import_module("openvino")

    return module
