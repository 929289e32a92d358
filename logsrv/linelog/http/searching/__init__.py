"""Searches: each in a process of its own; its answer is sent at the client's pace.

searches, answer    in the daemon: the processes, and their answers on the way to a client
search_child,
replies             in the process, without Twisted: the request, and its reply
gathered            replies for which other nodes are asked too: their lines, and their counts
events              Server-Sent Events, and a queue of them for a client (no I/O)
"""
