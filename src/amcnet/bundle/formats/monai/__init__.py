"""A model as a MONAI bundle."""
