"""The settings of one scan: probe, machine and tissue."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from amcnet.errors import ConfigError


@dataclass(frozen=True)
class Acoustics:
    """The settings drawn for one scan. Tuples over tissues are in the order of :class:`Tissue`.

    Levels in dB are amplitudes relative to their source; minus infinity switches a term off. Widths
    of the point spread function are full widths at half maximum.
    """

    frequency_mhz: float
    dynamic_range_db: float
    gamma: float
    gain_db: float
    tgc_db_per_cm: float
    tgc_sliders_db: tuple[float, ...]
    impedance_mrayl: tuple[float, ...]
    attenuation_db_per_cm_mhz: tuple[float, ...]
    scatter: tuple[float, ...]
    specular_power: float
    skin_echo: float
    bone_echo: float
    bone_patchiness: float
    edge_loss_db: float
    shadow_softening_mm: float
    psf_axial_mm: float
    psf_lateral_mm: float
    psf_lateral_growth_per_cm: float
    psf_elevational_mm: float
    tail_db: float
    tail_mm: float
    texture_mm: float
    texture_contrast: float
    layer_mm: float
    layer_contrast: float
    ringing_db: float
    ringing_mm: float
    skin_reverberation_db: float
    bone_reverberation_db: float
    ghost_db: float
    ghost_depths: tuple[float, ...]
    haze: float
    haze_mm: float
    noise_floor: float
    noise_spread: float
    dots_db: float
    dot_rows: int
    flicker_db: float
    jitter_mm: float
    support_depth_mm: float
    support_period_mm: float
    support_echo: float
    vein_count: int


def draw_acoustics(rng: Generator) -> Acoustics:
    """Draw the settings of one scan from broad ranges."""
    scatter = np.array([0.0, 1.0, 0.2, 0.15, 0.05, 1.3, 0.03]) * rng.uniform(0.6, 1.4, 7)
    soft_attenuation = rng.uniform(0.5, 0.9)
    frequency = rng.uniform(8, 14)
    return Acoustics(
        frequency_mhz=frequency,
        dynamic_range_db=rng.uniform(45, 65),
        gamma=rng.uniform(0.9, 1.3),
        gain_db=rng.uniform(-6, 6),
        tgc_db_per_cm=2 * frequency * soft_attenuation * rng.uniform(0.35, 0.65),
        tgc_sliders_db=tuple(20 * np.log10(rng.uniform(0.7, 1.3, 6))),
        impedance_mrayl=(
            1.48, 1.63, 1.75, rng.uniform(4, 6), rng.uniform(6.5, 7.8), rng.uniform(1.7, 1.8), 1.61,
        ),
        attenuation_db_per_cm_mhz=(
            0.002, soft_attenuation, 1.0, 7.0, rng.uniform(10, 15), 1.5, 0.2,
        ),
        scatter=tuple(float(value) for value in scatter),
        specular_power=rng.uniform(2, 6),
        skin_echo=rng.uniform(4, 8),
        bone_echo=rng.uniform(0.2, 0.8),
        bone_patchiness=rng.uniform(0.3, 0.9),
        edge_loss_db=rng.uniform(10, 30),
        shadow_softening_mm=rng.uniform(0.4, 0.6),
        psf_axial_mm=0.16 * rng.uniform(0.6, 1.4),
        psf_lateral_mm=rng.uniform(0.3, 0.6) * rng.uniform(0.8, 1.2),
        psf_lateral_growth_per_cm=rng.uniform(0.0, 0.13),
        psf_elevational_mm=rng.uniform(1, 2),
        tail_db=rng.uniform(-30, -20),
        tail_mm=rng.uniform(3, 6),
        texture_mm=float(np.exp(rng.uniform(np.log(0.3), np.log(2.0)))),
        texture_contrast=rng.uniform(0.3, 0.7),
        layer_mm=rng.uniform(0.4, 1.2),
        layer_contrast=rng.uniform(0.3, 0.9),
        ringing_db=rng.uniform(-38, -21),
        ringing_mm=rng.uniform(2, 8),
        skin_reverberation_db=rng.uniform(-62, -42),
        bone_reverberation_db=rng.uniform(-42, -24),
        ghost_db=rng.uniform(-56, -44),
        ghost_depths=tuple(rng.uniform(0.25, 0.95, rng.integers(1, 4))),
        haze=rng.uniform(0.05, 0.5),
        haze_mm=rng.uniform(2.0, 7.0),
        noise_floor=rng.uniform(0.034, 0.06),
        noise_spread=rng.uniform(0.05, 0.4),
        dots_db=rng.uniform(-6, 12),
        dot_rows=int(rng.integers(0, 9)),
        flicker_db=rng.uniform(0.1, 1.0),
        jitter_mm=rng.uniform(0.0, 0.2),
        support_depth_mm=rng.uniform(40, 44.5),
        support_period_mm=rng.uniform(0.6, 1.4),
        support_echo=float(np.exp(rng.uniform(np.log(0.003), np.log(0.05)))),
        vein_count=int(rng.integers(2, 7)),
    )  # fmt: skip


_OFF = float("-inf")
_NO_TISSUE = (0.0,) * 7

TERMS: dict[str, dict[str, Any]] = {
    "reflection": {"impedance_mrayl": (1.63,) * 7},
    "attenuation": {"attenuation_db_per_cm_mhz": _NO_TISSUE},
    "scatter": {"scatter": _NO_TISSUE, "haze": 0.0, "support_echo": 0.0},
    "specular echoes": {"skin_echo": 0.0, "bone_echo": 0.0},
    "patchy bone": {"bone_patchiness": 0.0},
    "edge shadows": {"edge_loss_db": 0.0},
    "soft shadow edges": {"shadow_softening_mm": 0.0},
    "point spread": {"psf_axial_mm": 0.0, "psf_lateral_mm": 0.0, "psf_elevational_mm": 0.0},
    "side lobes": {"tail_db": _OFF},
    "texture": {"texture_contrast": 0.0},
    "layers": {"layer_contrast": 0.0},
    "ringing": {"ringing_db": _OFF},
    "reverberation": {"skin_reverberation_db": _OFF, "bone_reverberation_db": _OFF},
    "ghost arcs": {"ghost_db": _OFF},
    "haze": {"haze": 0.0},
    "time gain": {"tgc_db_per_cm": 0.0, "tgc_sliders_db": (0.0,)},
    "noise": {"noise_floor": 0.0},  # and the dotted rows, whose level is relative to it
    "dotted rows": {"dot_rows": 0},
    "flicker": {"flicker_db": 0.0},
    "jitter": {"jitter_mm": 0.0},
    "support": {"support_echo": 0.0},
    "veins": {"vein_count": 0},
}
"""Name of each term of the ultrasound -> the settings that switch it off."""


def without(acoustics: Acoustics, *terms: str) -> Acoustics:
    """Return the settings with some terms switched off, to show the effect of each.

    Raises:
        ConfigError: If a term is not in :data:`TERMS`.

    Example:
        >>> acoustics = draw_acoustics(np.random.default_rng(0))
        >>> without(acoustics, "haze", "veins").vein_count
        0
    """
    for term in terms:
        if term not in TERMS:
            raise ConfigError(f"term {term!r}: not known, expected one of {', '.join(TERMS)}")
        acoustics = replace(acoustics, **TERMS[term])
    return acoustics
