"""Inspection of a running service by its operator: typed commands over a socket or SSH."""
