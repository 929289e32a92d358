"""Catalogs: what a search has to know of many small segments, in one file for some hundreds of them.

A search asks each segment for its times and its words. For twenty thousand segments of some KiB that took
longer than reading their text; and so small a text has no word index, which would be too large for it. So a
catalog has the times of its segments, and one word index for all of them: a row of it stands for a segment,
where a row of a segment's own index stands for a frame.

Nothing depends on a catalog: an entry counts only as long as the segment has the name, the size and the
time of writing that stand in it. Where one is damaged, old or missing, the indexes of the segments are
read. It is made while the store seals (`sealing/cataloguing.py`) and by `logsrv reindex`.

    layout.py   the file, byte by byte, and its name
    catalog.py  reading all catalogs of a store (no NumPy: a search starts with it)
    build.py    making one, and those that a store lacks
"""
