"""Counting: the most frequent values of a field, lines over time and their levels, sources."""
