"""Endpoints and listeners: from the text `ssl:6514:privateKey=…` to an object that binds, opens and drains.

An endpoint is parsed and checked before anything is opened. A listener binds the endpoint, and lets peers
in when the service is ready. When the service stops, the listener drains: before it closes, it reads all
bytes that the kernel has already received. Listening sockets may outlive the process; then no peer is
refused during a restart.

Its modules:

endpoint, parse    an address to listen, its text, its log line; the text parsed and checked
remote             an address to connect to
listen             an endpoint becomes the listener for its kind
_stream_listener   the listener for connections; _stdin is one of its kinds
datagrams          the listener for datagrams; _kernel_datagrams reads them in bulk and counts drops
answer_socket      the socket that answers datagrams
bind, _ports       sockets that are bound, or why not; changes to Twisted's ports
_certificates      the certificate of a TLS listener, renewed when its file is saved; self_signed makes one
peer_user          the user at the other end of a connection within this machine
kept_sockets       sockets that outlive this process; _listener_address takes them over or leaves them
"""
