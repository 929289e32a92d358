"""Fetching answers, of servers and from this machine. From the state machine up to the ways to call it:

transfer             a request and its answer: bytes in, bytes out
proxy, tls           what may lie between: a SOCKS handshake, TLS with its checks
connection_options   time-outs, trust, pins
addresses            looking names up
transfers            any number of transfers in one thread, with their sockets
stream               the body of an answer, on any event loop; repeating requests
wholefile            files that are complete or not written
cache                pages, bounded in bytes and seconds

client               for Twisted                  blocking          `urlopen`, for scripts
on_asyncio           for asyncio                  urllib_handler    for `urllib.request`
local                files and directories of this machine, and the addresses that people type
"""
