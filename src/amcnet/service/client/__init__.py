"""The client of the service: ``amcnet segment --server``, without OpenVINO or PyTorch."""
