"""Checks before a service starts: what would keep it from working, each a line for its operator.

A check takes settings or a path and yields findings. It opens nothing for others, and changes nothing.
"""
