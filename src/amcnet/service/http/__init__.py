"""The HTTP side of the service: uploads, progress, results, the status page."""
