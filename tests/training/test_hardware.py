from pathlib import Path

import pytest

from amcnet.errors import ConfigError
from amcnet.training.hardware import choose_precision, fast_bfloat16_of_cpu, make_trainer
from amcnet.training.training_config import HardwareConfig

X86 = "processor\t: 0\nmodel name\t: Some bf16 processor\nflags\t\t: fpu {}\n\nprocessor\t: 1\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd {}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (X86.format("avx2 avx512f"), None),
        (X86.format("avx512f avx512_bf16"), "AVX512-BF16"),
        (X86.format("avx512_bf16 amx_bf16 amx_tile"), "AMX"),
        (ARM.format("i8mm"), None),
        (ARM.format("i8mm bf16"), "BF16 instructions"),
        ("", None),
    ],
)
def test_fast_bfloat16_is_told_by_the_processors_flags(
    tmp_path: Path, text: str, found: str | None
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    assert fast_bfloat16_of_cpu(path) == found


def test_what_the_configuration_says_is_done() -> None:
    assert choose_precision("bf16", on_gpu=False).name == "bf16"
    automatic = choose_precision("auto", on_gpu=False)
    assert (automatic.name == "bf16") == (fast_bfloat16_of_cpu() is not None)
    assert "this processor has" in automatic.reason


def test_hardware_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"^hardware: [^\n]*$"):
        make_trainer(HardwareConfig(accelerator="cuda", devices=7), logger=False)
