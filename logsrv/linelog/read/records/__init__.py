"""Records of several lines, found and shown whole: a trace of an exception below the line that logged it.

joining             lines put together to records, by all readers of stores; limits: how far they go
whole_records       the record of a line, whatever other lines stand between its lines
found_records       the records of all lines that a search finds, each once
render_records      records as text, folded or unfolded
"""
