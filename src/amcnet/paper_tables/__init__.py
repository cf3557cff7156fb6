"""The paper's tables, made again: every row trained, judged and tested on the same work."""
