"""The queue: accepted jobs, their states, and the places of their files."""
