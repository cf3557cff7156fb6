"""A model as a MONAI bundle."""

from amcnet.bundle.formats.monai.bundle import write_monai

__all__ = ["write_monai"]
