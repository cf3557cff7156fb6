"""The settings of one scan: what the probe, the machine and the tissue are like."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator


@dataclass(frozen=True)
class Acoustics:
    """What was drawn for one scan. Tuples over tissues follow :class:`Tissue`."""

    frequency_mhz: float
    dynamic_range_db: float
    gamma: float
    gain_db: float
    tgc_db_per_cm: float
    specular_power: float
    skin_echo: float
    impedance_mrayl: tuple[float, ...]
    attenuation_db_per_cm_mhz: tuple[float, ...]
    scatter: tuple[float, ...]
    psf_axial_mm: float
    psf_lateral_mm: float
    psf_elevational_mm: float
    tail_db: float
    tail_mm: float
    shadow_softening_mm: float
    texture_mm: float
    layer_mm: float
    ringing_db: float
    ringing_mm: float
    noise_floor: float
    noise_spread: float
    flicker_db: float
    support_depth_mm: float
    support_echo: float
    vein_count: int


def draw_acoustics(rng: Generator) -> Acoustics:
    """Draw the settings of one scan from broad ranges."""
    scatter = np.array([0.0, 1.0, 0.2, 0.15, 0.05, 1.3]) * rng.uniform(0.6, 1.4, 6)
    soft_attenuation = rng.uniform(0.5, 0.9)
    frequency = rng.uniform(8, 14)
    return Acoustics(
        frequency_mhz=frequency,
        dynamic_range_db=rng.uniform(45, 65),
        gamma=rng.uniform(0.9, 1.3),
        gain_db=rng.uniform(-6, 6),
        tgc_db_per_cm=2 * frequency * soft_attenuation * rng.uniform(0.35, 0.65),
        specular_power=rng.uniform(2, 6),
        skin_echo=rng.uniform(4, 8),
        impedance_mrayl=(
            1.48, 1.63, 1.75, rng.uniform(4, 6), rng.uniform(6.5, 7.8), rng.uniform(1.7, 1.8),
        ),
        attenuation_db_per_cm_mhz=(
            0.002, soft_attenuation, 1.0, 7.0, rng.uniform(10, 15), 1.5,
        ),
        scatter=tuple(float(value) for value in scatter),
        psf_axial_mm=0.16 * rng.uniform(0.8, 1.4),
        psf_lateral_mm=rng.uniform(0.3, 0.6) * rng.uniform(0.8, 1.4),
        psf_elevational_mm=rng.uniform(1, 2),
        tail_db=rng.uniform(-30, -20),
        tail_mm=rng.uniform(3, 6),
        shadow_softening_mm=rng.uniform(0.4, 0.6),
        texture_mm=float(np.exp(rng.uniform(np.log(0.5), np.log(2.0)))),
        layer_mm=rng.uniform(0.8, 2.0),
        ringing_db=rng.uniform(-30, -18),
        ringing_mm=rng.uniform(2, 6),
        noise_floor=rng.uniform(0.035, 0.065),
        noise_spread=rng.uniform(0.2, 0.8),
        flicker_db=rng.uniform(0.1, 1.0),
        support_depth_mm=rng.uniform(40, 44.5),
        support_echo=rng.uniform(0.0, 0.25),
        vein_count=int(rng.integers(2, 7)),
    )  # fmt: skip
