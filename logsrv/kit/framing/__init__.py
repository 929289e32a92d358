"""Parsers without I/O: bytes that are split anywhere go in; lines, frames or Telnet commands come out.

Each parser belongs to one connection and keeps the unfinished rest until more bytes come. A parser never
keeps more than its limit. The way in which a network splits the bytes never changes the result.

Its modules:

frames           ways to mark frames on the wire, and framers
telnet           Telnet's commands; _telnet_bulk finds them in many bytes, _telnet_commands are their names
_incoming        lines of text, or bytes, for the protocols; _line_format has the rules of lines
_own_framing     an author's framer
"""
