"""Cursors: readers of a store that go on where they were, whatever has ended them."""
