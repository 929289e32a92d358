"""Several daemons asked as one: their lines by time, each once where more of them have it.

address, settings   the nodes, and how an operator names them
answer, merge       lines of an answer, and those of several put together (no I/O)
spans               the spans of time that are asked for, one after the other (no I/O)
client, body        one node over HTTP
gather              all of them beside each other

A store is not in the order of time: a centre has the blocks of many origins, in the order in which they
came, another centre in another. So the lines of a span are asked for, put in order when all have answered,
and forgotten when they are shown. Spans are so short that the lines of one fit into memory.
"""
