"""Training of a refiner: the second stage, which corrects the boundaries of a model's labels."""
