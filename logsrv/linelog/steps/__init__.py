"""Steps of time, by which figures and bars are parted: `every 5m`, `every 1d`, `every 1mo`.

steps           Steps: a length and the zone of the reader; which step a moment is in
step_words      the words of a query: `5m`, `1d`, `2mo`, `auto`; lengths that are easy to read
zones           the offsets of a zone from UTC, and when they change
step_arrays     the steps of many moments at once, by NumPy

No I/O but for the data of zones, which Python's zoneinfo reads. It is apart from `query` and `read` because
both need it: words become steps there, and lines are counted by them here.
"""
