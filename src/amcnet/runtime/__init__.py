"""OpenVINO: its only import, and the cache of compiled models."""
