"""Searches: each has a process of its own. Its answer is sent as fast as the client reads.

searches, answer        in the daemon: the processes, and the sending of their answers to clients
search_child, replies   in the process, without Twisted: a request and its reply
events                  Server-Sent Events, and a queue of them for a client (no I/O)
"""
