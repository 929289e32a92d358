"""The line client of `logsrv connect`: the address (target, dial), the other end (peer), bytes shown and
sent (display, wire), and the exchange of both (conversation).
"""
