"""Records of several lines, found and shown whole: a trace of an exception below the line that logged it.

joining             lines put together to records, by all readers of stores; limits: how far they go
line_documents      lines as objects for JSON, each with what it has from its record
lines_back          lines that are read back to know to which record a line belongs
found_records       the records of all lines that a search finds, each once
render_records      records as text, folded or unfolded
"""
