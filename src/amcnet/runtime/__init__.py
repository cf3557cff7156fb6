"""OpenVINO: imported in one place, compiled models cached."""
