"""The command line: `logsrv COMMAND …`, one command per file; `main` names the file of each.

A command's module has `declare(parser)`, which adds its arguments, and `run(arguments)`, which
returns the exit status. It is imported when its command is given, and not before: that is why the
modules import Twisted and the like inside of functions or in modules of their own.
"""
