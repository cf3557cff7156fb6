"""The command line, with one file per command: parse, call the Python API, print."""
