"""Endpoints, listening, the guard, datagrams, draining: everything between a socket and a protocol."""
