"""Run amcnet or pip for the panel, and end with the application that started it.

This file runs as a separate program in the Python that has the package:

    python -I guarded_run.py {amcnet,describe,pip} FOLDER ARGUMENTS...

FOLDER contains the package; it is empty if the package is among those of that Python. The panel
keeps the other end of stdin open and sends nothing, so stdin ends when the application ends, for
whatever reason. The running command is then killed together with all its child processes.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from pathlib import Path


def main() -> None:
    """Run amcnet, its description or pip, depending on the arguments."""
    mode, folder, *arguments = sys.argv[1:]
    if os.name == "posix":
        os.setpgid(0, 0)  # a process group of its own, which can be killed as a whole
    threading.Thread(target=_end_with_the_application, daemon=True).start()
    if (
        folder
    ):  # first on the path: packages of the same name in 3D Slicer are neither used nor replaced
        sys.path.insert(0, folder)
    sys.argv = [mode, *arguments]
    if mode == "pip":
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    elif mode == "describe":
        sys.stdout.write(json.dumps(_describe()) + "\n")
    else:
        from amcnet.cli.main import main as run_amcnet

        run_amcnet()


def _end_with_the_application() -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:  # without stdin there is nothing to follow
        return
    if os.name == "posix":
        os.killpg(0, signal.SIGKILL)
    subprocess.run(["taskkill", "/PID", str(os.getpid()), "/T", "/F"], check=False)
    os._exit(1)


def _describe() -> dict[str, object]:
    import importlib.util

    import amcnet
    from amcnet.bundle import list_models
    from amcnet.io import IMAGE_EXTENSIONS, LABEL_EXTENSIONS

    try:
        from amcnet.workflows.segment.events import PROTOCOL
    except ImportError:
        PROTOCOL = 0  # noqa: N806  an older version
    here = Path(amcnet.__file__).parent
    return {
        "version": amcnet.__version__,
        "protocol": PROTOCOL,
        "models": [model.name for model in list_models() if here not in model.folder.parents],
        "reads": list(IMAGE_EXTENSIONS),
        "writes": list(LABEL_EXTENSIONS),
        "torch": importlib.util.find_spec("torch") is not None,
        "openvino": importlib.util.find_spec("openvino") is not None,
    }


if __name__ == "__main__":  # processes that amcnet starts import this file again
    main()
