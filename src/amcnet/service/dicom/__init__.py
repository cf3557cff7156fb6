"""The DICOM side of the service: images in by C-STORE, segmentations out by C-STORE or STOW."""
