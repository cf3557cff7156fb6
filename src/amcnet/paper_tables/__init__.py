"""Reproduction of the paper's tables: all rows are trained and evaluated on the same data."""
