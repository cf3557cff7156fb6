"""A comparison that takes seconds."""

SCALE = """
name = "tiny"
[data]
shape = [24, 32, 16]
variety = "complete"
training = 2
training_seed = 700000
unseen = 2
unseen_seed = 850000
[width]
amcnet = 2
unet = 2
[training]
precision = "float32"
[training.data]
fold = "all"
[training.preprocessing]
spacing_mm = [7.1, 4.2, 2.9]
[training.sampling]
window = 24
[training.schedule]
steps = 2
checkpoint_steps = 1
"""
