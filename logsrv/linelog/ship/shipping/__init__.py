"""Shippers: the loops that send the lines of a store to a target, their places, and their processes."""
