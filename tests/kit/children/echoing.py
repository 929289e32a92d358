"""A process for tests: `python -m echoing WHAT`."""

from __future__ import annotations

import os
import sys
import time

from logsrv.kit.children.inside import limit_reader, tell

if __name__ == "__main__":
    limit_reader()
    match sys.argv[1]:
        case "complain":
            tell(
                "first \x1b\n\nlast\nnote: run with an environment variable to display a backtrace"
            )
            for line in sys.stdin:
                print(line, end="", flush=True)
        case "flood":
            sys.stdout.write("x" * (10 << 20))
        case "fork":
            if pid := os.fork():
                print(pid, flush=True)
            time.sleep(600)
        case "deaf":
            print("ready", flush=True)
            time.sleep(600)
