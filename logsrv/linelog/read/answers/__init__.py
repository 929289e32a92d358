"""Sources of an answer, and the order in which a search asks them about its lines.

asking          the order: what each source takes over while a search is planned, which of them answers a
                task, and what is asked instead if that one cannot
sources         one class for each source: parts of earlier answers, index, columns, text
column_search   matching lines by their columns; it loads Arrow, and is imported when columns are read
"""
