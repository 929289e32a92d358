"""The line client of `logsrv connect`.

target, dial     the address, and the connection to it
peer             the server at the other end
display, wire    bytes as they are shown, and as they are sent
conversation     the exchange: standard input to the peer, its answers to standard output
"""
