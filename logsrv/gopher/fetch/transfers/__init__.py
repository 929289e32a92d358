"""Requests and their answers on sockets, any number of them in one thread.

transfer            a request and what becomes of it: bytes in, bytes out
addresses           names looked up in threads
connecting          a transfer with its socket; from a name to the request that is sent
transfers           all of them on one selector; large files past the program
stream              an answer for whoever takes it piece by piece, and asks again where that may help
"""
