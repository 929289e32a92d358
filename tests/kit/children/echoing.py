"""A process for tests: `python -m echoing WHAT`."""

from __future__ import annotations

import os
import sys
import time

from logsrv.kit.children.child_side import limit_reader, messages, send, tell

if __name__ == "__main__":
    limit_reader()
    match sys.argv[1]:
        case "complain":
            tell(
                "first \x1b\n\nlast\nnote: run with an environment variable to display a backtrace"
            )
            for message in messages():
                send(message)
        case "flood":
            for _ in range(10):
                send(b"x" * (1 << 20))
        case "fork":
            if pid := os.fork():
                send(b"%d" % pid)
            time.sleep(600)
        case "deaf":
            send(b"ready")
            time.sleep(600)
