"""Fine-grained segmentation of hand bones in 3D ultrasound."""

__version__ = "0.1.0"
