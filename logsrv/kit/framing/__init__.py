"""Parsers without I/O: bytes that are split anywhere go in; lines, frames or Telnet commands come out."""
