"""Sources of an answer, and the order in which a search asks them about its lines.

asking          the order: what each source takes over while a search is planned, which of them answers a
                task, and what is asked instead if that one cannot
sources         one class for each source: parts of earlier answers, index, columns, text
task_order      the order of the tasks of an answer that tells its progress, and the bytes of each
column_search   matching lines by their columns; it loads Arrow, and is imported when columns are read

A search is planned in the process that asks: `logsrv search`, or the API's search process, never the
daemon. The first twelve tasks are done there too, the others in a forked process for each core
(`read/pool.py`). Columns that are damaged at their head are noticed while it is planned, and their frames
are read like others; for damage in a row group the process that asks reads its frames alone.
"""
