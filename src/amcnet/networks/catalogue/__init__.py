"""The networks, one file each; the file's name is the network's.

A file is imported when its network is asked for: MONAI takes seconds.
"""
