"""Functions on text: escaping, file names, times, checksums, suggestions; sans-IO.

Only `status_line` writes, to a terminal.
"""
