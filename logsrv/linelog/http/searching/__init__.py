"""Searches: each in a process of its own, its answer sent as fast as the client takes it.

searches, answer    the processes as the daemon has them, and their output on its way to a client
search_child,
replies             such a process from the inside, without Twisted
gathered            its replies where other nodes are asked too: their lines, and their numbers
events              Server-Sent Events, and those that wait for a client (no I/O)
"""
