"""The command line: one command a file; each parses, calls the Python API and prints."""
