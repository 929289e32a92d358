"""The command line: `logsrv COMMAND …`, one command per file; `main` names the file of each.

A command's module has `declare(parser)`, which adds its arguments, and `run(arguments)`, which returns
the exit status; its docstring is the help. It is imported when its command is given, with all that it
imports. What only some of its options need, and takes long to load (NumPy, TLS), their functions import.
"""
