"""From a volume to labels at its own resolution."""
