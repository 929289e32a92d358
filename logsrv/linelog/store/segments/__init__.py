"""Segments on disk: their names, their indexes, their times, and what mends one that was torn."""
