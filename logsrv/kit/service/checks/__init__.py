"""Checks before a service starts: each fault that would keep it from working is a line for its operator.

A check takes settings or a path, and yields findings. It lets no peer in and changes nothing.
"""
