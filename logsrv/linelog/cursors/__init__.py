"""Cursors: readers of a store that continue where they were, however they ended."""
