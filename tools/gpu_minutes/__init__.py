"""Everything that a machine with a GPU can do for the models in a few minutes, in one call."""
