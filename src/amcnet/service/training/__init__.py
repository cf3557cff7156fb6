"""Trainings on the server: users send a data set and fetch a model."""
