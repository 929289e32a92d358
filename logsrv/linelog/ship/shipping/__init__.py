"""Shippers: the loops that send a store to a target, their places, and their processes."""
