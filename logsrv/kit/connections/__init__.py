"""A peer's connection, from the socket to its protocol: Twisted's transports, TLS, the guard, its end.

streams             Twisted's ports and transports: large reads, few accepts in a turn
transports          what is unsent, waiting for room
tls, client_tls     TLS of a connection and the peer's certificate; whom our clients trust
source              the name of a peer, in the store, in logs and for the guard
guard               who may connect, how many at once, for how long in silence: rules only
rates               how many lines and bytes a peer may send in a second
guarded_factory     a factory behind the guard: refuses, counts, closes idle peers
guarded_connection  a connection that was admitted
refusals            what a refused peer and the log are told
proxy_protocol      the client behind `haproxy:`
senders             the guard for datagrams
keepalive           peers that vanished without a word
linger              the end: the peer gets its last answer, though it goes on sending
drain               the end: without losing bytes that have arrived
"""
