"""Endpoints and listeners: from the text `ssl:6514:privateKey=…` to an object that binds, opens and drains.

endpoint, parse    a place to listen, its text, its log line; the text parsed and checked
remote             a place to connect to
listen             an endpoint becomes the listener for its kind
stream_listener    the listener for connections; stdin is one of its kinds
datagrams          the listener for datagrams; kernel_datagrams reads them in bulk and counts drops
bind, ports        sockets that are bound, or why not; changes to Twisted's ports
certificates       the certificate of a TLS listener, renewed when its file is saved; self_signed makes one
kept_sockets       sockets that outlive this process; listener_place takes them over or leaves them
"""
