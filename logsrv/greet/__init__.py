"""The plugin `twistd greet`: thanks everyone for connecting, as a stranger would write it.

message     what it says: text with {peer} and the like in it (no I/O)
protocol    to whom and when
"""
