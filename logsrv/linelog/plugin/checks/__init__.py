"""Checks of the line logger before it starts: its store, and those whom it tells."""
