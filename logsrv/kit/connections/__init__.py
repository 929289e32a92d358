"""A peer's connection, from the socket to the protocol: Twisted's transports, TLS, the guard, and the end.

The guard decides which peers may connect, how many peers at once, and how much each peer may send. The
transports here read more bytes at a time than Twisted's own transports, and tell how many bytes wait to be
sent. When a connection ends, every byte that has arrived is still processed, and every answer that was
written is still sent.

Its modules:

_streams            Twisted's ports and transports: large reads, few accepts in a turn
transports          the number of unsent bytes, waiting for room
_tls, client_tls    TLS of a connection and the peer's certificate; whom our clients trust
source              the name of a peer, in the store, in logs and for the guard
guard               who may connect, how many at once, for how long in silence: rules only
rates               how many lines and bytes a peer may send in a second
_guarded_factory    a factory behind the guard: refuses, counts, closes idle peers
_guarded_connection a connection that was admitted
_refusals           what a refused peer and the log are told
_proxy_protocol     the client behind `haproxy:`
_senders            the guard for datagrams
keepalive           peers that vanished without a word
linger              the end: the peer gets its last answer, though it goes on sending
_drain              the end: without losing bytes that have arrived
"""
