"""Records of several lines: a stack trace, a report of Erlang, a long line that a container's runtime cut.

    trace_shapes     the kinds of the lines of traces, and which of them may follow which: a table
    joiner           which line goes on with which record, one line after the other: the rules
    parts            the parts of a long line, put together
    way_back         from a line back to the first line of its record, for few lines, without NumPy
    first_lines      the first lines of all continuation lines of a text; what it needs of them is in
    candidates       lines that may go on with a record or begin a trace, by their beginnings
    source_lines     which of the candidates do, in the order of their sources
    earlier_texts    the texts before a text, kept for the next one

`joiner` and `first_lines` give the same records: the one for a line, the other for a text.
"""
