"""Bytes in at any split, lines out: the line splitter and Telnet's commands; sans-IO."""
