"""Datagrams: received in bulk, handed to a protocol, and those that the kernel dropped."""
