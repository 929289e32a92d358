"""Functions on text: escaping, file names, times, checksums, suggestions; sans-IO.

Only `terminal` writes.
"""
