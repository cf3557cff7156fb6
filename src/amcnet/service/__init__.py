"""A service for a department: scanners, archives, 3D Slicer and scripts share one model."""
