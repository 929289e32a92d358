"""The plugin `twistd greet`: thanks everyone for connecting. It uses only the kit's public interface.

message     the text of the greeting, with fields such as {peer} in it (no I/O)
protocol    the protocols that send it
"""
