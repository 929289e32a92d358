"""The line splitter and Telnet's commands: bytes in at any split, lines out; sans-IO."""
