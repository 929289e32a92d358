"""Segments on disk: their names, indexes and times, the small files beside them, and repair of a text."""
