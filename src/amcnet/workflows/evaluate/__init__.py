"""Evaluate label files against references."""
