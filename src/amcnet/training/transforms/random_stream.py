"""Random numbers of one training window."""

import torch
from numpy.random import SeedSequence
from torch import Generator, Tensor


class WindowRandom:
    """Random numbers that depend on a seed alone.

    Args:
        seed: 0 or greater. Parameters are drawn on the CPU, so they are the same on all devices.
        device: Device on which noise is drawn; the noise depends on the kind of device.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        # A CPU generator uses the lowest 32 bits of its seed; the sequence mixes in all bits.
        parameters, noise = SeedSequence(seed).generate_state(2).tolist()
        self.device = device
        self._parameters = Generator().manual_seed(parameters)
        self._noise = Generator(device).manual_seed(noise)

    def uniform(self, low: float, high: float) -> float:
        """Return a number between two bounds."""
        share = torch.rand((), generator=self._parameters, dtype=torch.float64).item()
        return low + (high - low) * float(share)

    def chance(self, probability: float) -> bool:
        """Return True with the given probability; never for 0, always for 1."""
        return self.uniform(0, 1) < probability

    def uniform_grid(self, *shape: int) -> Tensor:
        """Return a small float32 field of numbers between -1 and 1, the same on all devices."""
        return (2 * torch.rand(shape, generator=self._parameters) - 1).to(self.device)

    def normal(self, *shape: int) -> Tensor:
        """Return a float32 field of standard normal noise."""
        return torch.randn(shape, generator=self._noise, device=self.device)
