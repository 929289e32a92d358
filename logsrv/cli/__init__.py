"""The command line: `logsrv COMMAND …`, one command per file, found by its plugin (`command.py`).

A command's module has `declare(parser)`, which adds its arguments, and `run(arguments)`, which returns
the exit status. Its docstring is the command's help. The module is imported only when its command is given.
Packages that load slowly (NumPy, TLS) are imported in the functions that need them.
"""
