"""Parsers without I/O: bytes that are split anywhere go in; lines, frames or Telnet commands come out.

Each parser belongs to one connection. Until more bytes arrive, it keeps the bytes of an unfinished line,
frame or command, but never more bytes than its limit. The result is always the same, however the network
splits the bytes.

Its modules:

frames           ways to mark frames on the wire, and framers
telnet           Telnet's commands; _telnet_bulk finds them in many bytes, _telnet_commands are their names
_incoming        lines of text, or bytes, for the protocols; _line_format has the rules of lines
_own_framing     an author's framer
"""
