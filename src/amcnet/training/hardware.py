"""Hardware of a run: device, processes and precision."""

import logging
import platform
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.fabric.utilities.rank_zero import rank_zero_only

from amcnet.errors import ConfigError, one_line
from amcnet.training.training_config import HardwareConfig, Precision

logger = logging.getLogger(__name__)

_CPU_INFO = Path("/proc/cpuinfo")
# Names of the instructions in Linux's processor description, on x86 and on ARM.
_FAST_BFLOAT16 = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "bf16": "BF16 instructions"}
_FIRST_GPU_WITH_BFLOAT16 = (8, 0)  # compute capability


class ChosenPrecision(NamedTuple):
    """A precision and the reason for it."""

    name: Literal["bf16", "float32"]
    reason: str


def trains_on_gpu(hardware: HardwareConfig) -> bool:
    """Return whether a run uses CUDA GPUs."""
    if hardware.accelerator == "auto":
        return torch.cuda.is_available()
    return hardware.accelerator == "cuda"


def choose_precision(wanted: Precision, on_gpu: bool) -> ChosenPrecision:
    """Return the precision to train in.

    ``auto`` selects bfloat16 only if the hardware computes it fast; otherwise it would be emulated,
    and steps would be many times slower.

    Args:
        wanted: Precision in the configuration.
        on_gpu: Whether the run uses CUDA GPUs.

    Example:
        >>> choose_precision("float32", on_gpu=False)
        ChosenPrecision(name='float32', reason='set in the configuration')
    """
    if wanted != "auto":
        return ChosenPrecision(wanted, "set in the configuration")
    if on_gpu:
        if torch.cuda.get_device_capability() >= _FIRST_GPU_WITH_BFLOAT16:
            return ChosenPrecision("bf16", "this GPU computes in bfloat16")
        return ChosenPrecision("float32", "this GPU has no fast bfloat16")
    found = fast_bfloat16_of_cpu()
    if found is not None:
        return ChosenPrecision("bf16", f"this processor has {found}")
    return ChosenPrecision(
        "float32", "this processor has no fast bfloat16 (neither AMX nor AVX512-BF16)"
    )


def fast_bfloat16_of_cpu(cpu_info: Path = _CPU_INFO) -> str | None:
    """Return the instructions for fast bfloat16; None if there are none.

    Args:
        cpu_info: The system's description of the processor; only Linux has one.
    """
    if cpu_info.is_file():
        text = cpu_info.read_text(encoding="utf-8", errors="replace")
        lines = (line for line in text.splitlines() if line.startswith(("flags", "Features")))
        flags = set(next(lines, "").split())
        return next((name for flag, name in _FAST_BFLOAT16.items() if flag in flags), None)
    checks = (("_is_amx_tile_supported", "AMX"), ("_is_avx512_bf16_supported", "AVX512-BF16"))
    for check, name in checks:
        is_supported = getattr(torch.cpu, check, None)
        if is_supported is not None and is_supported():
            return name
    return None


def device_count(hardware: HardwareConfig) -> int:
    """Return the number of training processes on all machines."""
    if hardware.devices != "auto":
        return hardware.devices * hardware.nodes
    on_this = torch.cuda.device_count() if trains_on_gpu(hardware) else 1
    return max(1, on_this) * hardware.nodes


def settle_processes(hardware: HardwareConfig) -> None:
    """Mark this process as the first one if it is the only one.

    A cluster's environment variables (SLURM_PROCID, LOCAL_RANK, ...) may disagree, for example
    inside a job that was requested with several tasks.
    """
    if device_count(hardware) == 1:
        rank_zero_only.rank = 0  # type: ignore[attr-defined]


def is_first_process() -> bool:
    """Return whether this is the process that writes and prints.

    Example:
        >>> is_first_process()
        True
    """
    return bool(getattr(rank_zero_only, "rank", 0) == 0)


def make_trainer(hardware: HardwareConfig, **settings: Any) -> lightning.Trainer:  # noqa: ANN401
    """Return a trainer for the hardware.

    Args:
        hardware: Devices and machines of the run.
        settings: Further arguments of :class:`lightning.Trainer`.

    Raises:
        ConfigError: If there is no such hardware, or the cluster's environment contradicts it.
    """
    on_gpu = trains_on_gpu(hardware)
    plugins = settings.pop("plugins", [])
    if device_count(hardware) == 1:
        plugins = [*plugins, LightningEnvironment()]  # ignore the variables of a cluster
    try:
        return lightning.Trainer(
            accelerator="cuda" if on_gpu else "cpu",
            devices=1 if hardware.devices == "auto" and not on_gpu else hardware.devices,
            num_nodes=hardware.nodes,
            deterministic="warn" if hardware.deterministic else None,
            plugins=plugins,
            **settings,
        )
    except (RuntimeError, ValueError, MisconfigurationException) as error:
        raise ConfigError(f"hardware: {one_line(str(error))}") from error


def hardware_of(trainer: lightning.Trainer) -> str:
    """Describe the devices and machines of a run."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        return f"{trainer.world_size} x {torch.cuda.get_device_name(device)}"
    return f"{trainer.world_size} x {platform.machine()}, {torch.get_num_threads()} threads"
