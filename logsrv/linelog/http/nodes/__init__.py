"""Several daemons asked as one: their lines by time, each once where more of them have it.

address, settings   the nodes, and how an operator names them
answer, merge       lines of an answer, and those of several put together (no I/O)
spans               the spans of time that are asked for, one after the other (no I/O)
client, body        one node over HTTP
gather              all of them beside each other

A store is not in the order of time: a centre has the blocks of many origins in the order in which they
came, which is another one at each centre. So all nodes are asked for the lines of one span of time, which
are put in order when all have answered. Spans are so short that their lines fit into memory.
"""
