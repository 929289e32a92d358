"""Requests and their answers on sockets, any number of them in one thread.

transfer      a request and what becomes of it: bytes in, bytes out
transfers     their sockets on one selector
addresses     names looked up in threads
passage       large files past the program
stream        an answer for whoever takes it piece by piece
retries       what is asked again, and when
"""
