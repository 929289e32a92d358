"""Bytes in at any split, lines, frames or Telnet's commands out; no I/O."""
