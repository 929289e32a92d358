"""A lake: sealed segments as Parquet files that engines such as ClickHouse, DuckDB and Polars read.

    day=YYYY-MM-DD/STORE-NUMBER.parquet

STORE is the identity of the store, NUMBER the number of the segment in ten digits, and the day is that of
the lines in the file, in UTC. Lines of the day in the segment's name, and lines without a time, are in its
*first file*, which is put last: a segment is in the lake if its first file is.
"""
