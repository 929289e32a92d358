"""A peer's connection, from the socket to its protocol: transports, TLS, the guard, its end.

The guard says who may connect, how many at once, how fast, and for how long in silence.
"""
