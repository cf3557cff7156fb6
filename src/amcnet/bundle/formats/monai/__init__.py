"""A model as a MONAI bundle."""

from amcnet.bundle.formats.monai.monai_bundle import write_monai

__all__ = ["write_monai"]
