"""The work: one loaded model, one volume after another, and results in every format."""
