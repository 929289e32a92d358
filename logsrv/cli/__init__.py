"""The command line: `logsrv COMMAND …`, one command per file; `main` names the file of each.

A command's module has `declare(parser)`, which adds its arguments, and `run(arguments)`, which returns
the exit status; its docstring is the help. It is imported when its command is given.

Its help is there before anything heavy is loaded, and a search for a rare word is over in the time of a
few imports. So no function imports: modules import at their top what is light, and take what is heavy
(Twisted, attrs, NumPy, the store) from their package. It is listed in the package's stub,
`__init__.pyi`, and loaded when it is first used (logsrv/lazy_names.py):

    import logsrv.cli as late

    late.Search(…)
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
