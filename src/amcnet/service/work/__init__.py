"""The work: one loaded model, one volume after the other, and results in every format."""
