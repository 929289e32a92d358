"""Shippers: the loops that bring a store to a target, and what they keep."""
