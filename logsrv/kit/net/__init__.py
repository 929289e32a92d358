"""Endpoints, their parsing and binding, and listeners for streams, datagrams and standard input."""
