"""Framing: bytes of senders to clean lines and records, at any split; no I/O."""
