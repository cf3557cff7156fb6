"""Adaptation of a model to scans without labels, by training on its own labels."""
