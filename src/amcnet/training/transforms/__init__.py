"""Random transforms of training windows: spatial, intensity, label-to-image synthesis."""
