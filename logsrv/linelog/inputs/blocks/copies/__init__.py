"""Copies of a centre: what one gives out while it runs, and what an empty machine makes of it."""
