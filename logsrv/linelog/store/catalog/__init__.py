"""Catalogs: one file with the times and the words of some hundred small segments, for searches.

A search reads the times and the words of each segment. For twenty thousand segments of a few KiB that took
longer than reading their text. A small text also has no word index, which would be too large to be useful.
So a catalog has the times of its segments, and one word index for all of them. In that index each "frame"
is a whole segment.

A search uses an entry only if the name, the size and the time of writing in it are still those of the
segment. If a catalog is damaged, old or missing, the search reads the indexes of the segments. Catalogs are
made while the store seals (`sealing/cataloguing.py`), and by `logsrv reindex`.

    layout.py   the file, byte by byte, and its name
    catalog.py  reading all catalogs of a store (no NumPy: a search starts with it)
    build.py    making a catalog, and all that a store lacks
"""
