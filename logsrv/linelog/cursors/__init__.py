"""Cursors: the saved places at which readers of a store continue, even after a kill."""
