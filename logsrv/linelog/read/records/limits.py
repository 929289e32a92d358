"""The limits within which readers of a store put its lines together to records, all of them.

Those of a record by its own lines are in `fields/continuations/joiner.py`: MOST_LINES, MOST_BYTES,
MOST_SECONDS, MOST_DOUBT, MOST_STREAMS.
"""

MOST_KEPT = 32 << 20
"""Bytes of lines after which all unfinished records are forgotten, because a joiner may keep them all."""
MOST_RECORDS = 10_000
"""Records of the newest lines after which all are forgotten, as a stream may stay silent for ever."""
MOST_WAITING = 16 << 20
"""Bytes of the lines that wait until their records end; then these are shown as far as they have come."""
PAUSE = 1.0
"""Seconds without a further line after which a new record is shown."""
MOST_READ = 5000
"""Lines of the store that are read on each side of a line to find its record."""
MOST_APART = 20
"""Lines of others that are read to find the line before one of no known shape."""
READ_BEFORE = 300
"""Lines that are read to know which records are unfinished at a position; 5 to 25 µs each."""
MOST_SHOWN = 100_000
"""Lines of which it is remembered that their record was found already."""
MARGIN = 1000
"""Lines of the store by which a record may reach over the edge of what is asked for."""
READ_OVER = 300
"""Lines behind an edge that are all read; further on, only those that look like the inside of a record."""
