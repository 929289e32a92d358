"""Requests and their answers on sockets, any number of them in one thread.

transfer            a request and what becomes of it: bytes in, bytes out
socket_transfer     a transfer with its socket, and the sink of its answer
addresses           names looked up in threads
connecting          from a name to the request that is sent
transfers           all of them on one selector
passage             large files past the program
stream              an answer for whoever takes it piece by piece
retries             what is asked for again, and when
"""
