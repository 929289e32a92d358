"""The base classes that authors write their protocols with, and the connection under them.

line_protocol     lines, and one-line requests; line_reader gives them line after line
frame_protocol    frames of bytes
stream            `async def handle(connection)`
datagrams         datagrams, and lines in them
plain_twisted     wrappers of Twisted's own protocols
protocol          the base of all stream protocols, called by Twisted
connection        the connection to a peer: runs the actions of the tables in states
sending           its output; holds back those who write to a slow peer
starting_tls      TLS that begins in the middle
context           what a connection knows of its service, listener and author
awaiting          coroutines, Deferreds and asyncio futures of an author; deadline ends them
faults            errors of peers, and mistakes of authors
"""
