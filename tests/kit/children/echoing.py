"""A process for tests: `python -m echoing WHAT`."""

import os
import signal
import sys
import time

from logsrv.kit.children.child_side import (
    limit_reading_process,
    read_messages,
    send_message,
    tell_service,
)

if __name__ == "__main__":
    if "interrupted" in sys.argv:
        # As by Ctrl-C in the terminal of the service, while this process still imports.
        os.kill(os.getpid(), signal.SIGINT)
    limit_reading_process()
    match sys.argv[1]:
        case "complain":
            tell_service(
                "first \x1b\n\nlast\nnote: run with an environment variable to display a backtrace"
            )
            for message in read_messages():
                send_message(message)
        case "flood":
            for _ in range(10):
                send_message(b"x" * (1 << 20))
        case "fork":
            if pid := os.fork():
                send_message(b"%d" % pid)
            time.sleep(600)
        case "interrupted":
            send_message(b"%d" % len(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(600)
        case "deaf":
            send_message(b"ready")
            time.sleep(600)
