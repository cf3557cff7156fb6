"""Fault injection: every call that writes fails once, or the process dies at it."""
