"""Targets that are others': lines to what people have, at least once."""
