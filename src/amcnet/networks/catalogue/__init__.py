"""The networks, one file each; a file is named after its network.

A file is imported on first use of its network, because importing MONAI takes seconds.
"""
