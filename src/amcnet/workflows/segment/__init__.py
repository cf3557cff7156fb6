"""Segment volumes: plan, read, predict, write, check, report."""
