"""Catalogs: what a search has to know of many small segments, in one file for some hundreds of them.

A search asks each segment for its times and its words. For twenty thousand segments of some KiB that took
longer than reading what is in them; and of a text so small no word index is kept, as it would be too
large. So a catalog has the times of its segments, and one word index for all of them, in which a segment
is what a frame is in its own.

It is never needed, and never believed more than the segments: an entry counts only as long as the segment
has the name, the size and the time of writing that stand in it. What is damaged, old or missing is not
used, and the indexes of the segments are read. It is made while the store seals (`sealing/cataloguing.py`)
and by `logsrv reindex`.

    layout.py   the file, byte by byte, and its name
    catalog.py  reading all catalogs of a store (no NumPy: a search starts with it)
    build.py    making one
    remake.py   making those that a store lacks
"""
