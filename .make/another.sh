#!/bin/sh
# another.sh PYTHON VENV: print "another-python" if VENV was not made with this Python (on PATH, or known to uv).
[ -n "$1" ] && [ -x "$2/bin/python" ] || exit 0
found=$(command -v "$1" || uv python find --no-project "$1" 2>/dev/null)
identity='import sys; print(sys.base_prefix, sys.version)'
[ "$("$found" -c "$identity" 2>&1)" = "$("$2/bin/python" -c "$identity" 2>&1)" ] || echo another-python
