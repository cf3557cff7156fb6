"""The queue: which studies were accepted, what became of them, and where their files are."""
