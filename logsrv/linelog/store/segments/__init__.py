"""Segments as files: names and numbers, frames, the index, the identity of a store, torn ends."""
