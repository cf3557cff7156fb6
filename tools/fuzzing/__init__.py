"""Damaged files for every command that reads files, and a process that runs the commands."""
