"""Cursors: readers of a store that continue at a saved place, however they ended."""
