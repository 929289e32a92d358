"""The launch of a service: tells the waiting parent process whether the start succeeded.

The parent of a daemonising twistd waits in the terminal. Twisted tells it that all is well before the
reactor runs, but a service is ready only later. So this takes over the pipe between the two: the parent
waits until the service is ready, or has failed.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.logger import Logger, LoggingFile
from twisted.scripts._twistd_unix import UnixApplicationRunner

from logsrv.errors import StartError
from logsrv.kit.observe._log_lines import start_failure_text
from logsrv.kit.observe._process_log import use_our_log_format
from logsrv.kit.service._signals import STOPS
from logsrv.kit.service.twisted_parts import why_unknown
from logsrv.kit.text.escape import printable
from logsrv.kit.text.words import shown
from logsrv.reactor import steady_reactor

log = Logger()

# The message of a daemonized twistd that has started.
STARTED = b"0"
# Bytes: a write of no more to a pipe is never split (POSIX guarantees 512, Linux 4096).
LONGEST_STATUS = 512
# Seconds; then a failed process ends even if a thread of the plugin still runs.
END_SECONDS = 5.0


def check_twistd_files(name: str, program: Any) -> None:
    """Raise StartError if twistd cannot write its log or pid file, because twistd itself would end with a
    traceback.

    name: the plugin's. program: the parsed options of twistd; twist has no such files.
    """
    if program is None or program.get("chroot"):
        return
    log = program.get("logfile") or (None if program.get("nodaemon") else "twistd.log")
    if log is not None and log != "-" and not program.get("syslog") and not _writable(log):
        raise StartError(
            f"{name}: twistd cannot write its log {shown(log)}: give it --logfile=FILE"
        )
    pidfile = program.get("pidfile")
    if pidfile and not _writable(pidfile):
        raise StartError(
            f"{name}: twistd cannot write its pid file {shown(pidfile)}: give it --pidfile=FILE, or "
            f"--pidfile= for none: twistd --pidfile= {name} …"
        )


def launched(name: str, options: Any, make: Callable[[Any], Any]) -> Any:
    """Return the service of a plugin, which is prepared to run in a process of its own, as twistd runs it.

    make: returns the service on a reactor. Raises StartError with one sentence.
    """
    check_twistd_files(name, options.parent)
    reactor = steady_reactor()
    service = make(reactor)
    if warning := why_unknown():
        log.warn("{warning}", warning=warning)
    service.take_over_process()
    service.launch = Launch(options, reactor)
    return service


def _writable(path: str) -> bool:
    return os.access(path if os.path.exists(path) else os.path.dirname(path) or ".", os.W_OK)


class Launch:
    """The launch of one service by twistd, daemonized or not, or by twist."""

    def __init__(self, options: Any, reactor: Any) -> None:
        """`options`: the parsed options of the service; their `parent` is those of twistd or twist."""
        self._options = options
        self._reactor = reactor
        self._pipe: int | None = None
        self._warned: tuple[str, ...] = ()
        self._unused: tuple[str, ...] = ()
        self.log_new_warnings()

    def take_over_log(self, application: Any) -> None:
        """Take over the log, so that it has our format. Called when the service is added to the application
        of twistd or twist.
        """
        program = self._options.parent
        use_our_log_format(
            program, getattr(self._options.settings, "log_format", "auto"), application
        )
        if program is not None and program.get("nodaemon") == 0:
            print_only_start_error()

    def log_new_warnings(self) -> None:
        """Log those warnings about the options that have not been logged before."""
        warnings = self._options.loaded.warnings
        for warning in warnings:
            if warning not in self._warned:
                log.warn("{warning}", warning=warning)
        self._warned = warnings
        for sentence in self._options.loaded.unused:
            if sentence not in self._unused:
                log.info("{sentence}", sentence=sentence)
        self._unused = self._options.loaded.unused

    def make_parent_wait(self) -> None:
        """Take over the pipe to the parent process, so that the parent waits for the start of the service.
        Called in the process that serves.
        """
        if self._pipe is None:
            self._pipe = take_status_pipe(self._options.parent)

    def report_ready(self) -> None:
        """Tell the parent that the service lets peers in."""
        self._tell_parent(STARTED)

    def fail_process(self, sentence: str) -> None:
        """Print the sentence, and end the process with status 1."""
        assert sys.__stderr__ is not None
        print(start_failure_text(sentence), file=sys.__stderr__, flush=True)
        self._tell_parent(start_failure_message(sentence))
        end_process(1, self._reactor)

    def report_refused(self, error: StartError) -> None:
        """Tell the parent about `error` before twistd ends with this error, which Python prints."""
        self.make_parent_wait()
        self._tell_parent(start_failure_message(str(error)))
        error.code = start_failure_text(str(error))
        uncapture_stderr()

    def report_stopped(self, sentence: str) -> None:
        """Tell the parent that the service was stopped before it was ready."""
        self._tell_parent(start_failure_message(sentence))

    def _tell_parent(self, message: bytes) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            # The parent may have ended.
            with suppress(OSError):
                os.write(pipe, message)
            os.close(pipe)


def end_process(status: int, reactor: Any) -> None:
    """Stop the reactor, and end the process with `status`.

    A reactor sets no exit status, so the last exit handler does.
    """
    atexit.register(_flush_and_exit, status)
    reactor.addSystemEventTrigger("after", "shutdown", _exit_later, status)
    reactor.stop()


def _exit_later(status: int) -> None:
    timer = threading.Timer(END_SECONDS, _flush_and_exit, [status])
    timer.daemon = True
    timer.start()


def _flush_and_exit(status: int) -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                status = status or 1
    os._exit(status)


def start_failure_message(sentence: str) -> bytes:
    """Return the message in which a daemonized twistd tells its parent of a failed start; the parent prints
    it, and ends with status 1.
    """
    return f"1 {printable(sentence)}".encode("ascii", "backslashreplace")[:LONGEST_STATUS]


def take_status_pipe(options: Any) -> int | None:
    """Take over, from a daemonized twistd, the pipe to its parent process; None if no parent waits.

    options: its parsed options. twistd itself would report success as soon as it has called startService.
    """
    pipe: int | None = options.pop("statusPipe", None) if isinstance(options, dict) else None
    return pipe


def print_only_start_error() -> None:
    """Let the parent of a daemonized twistd print only the sentence of a failed start.

    Otherwise it prints a `repr` of the first 98 bytes, and where to look for the rest.
    """
    runner: Any = UnixApplicationRunner
    runner._waitForStart = lambda _, pipe: _wait_for_start(pipe)


def _wait_for_start(pipe: int) -> int:
    """Return the exit status of the parent."""
    # The handlers of the service would remember a signal that is to end this process.
    for number in STOPS:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    message = os.read(pipe, LONGEST_STATUS)
    if message == STARTED:
        return 0
    sentence = message[2:].decode("ascii", "backslashreplace") or (
        "twistd ended before it had started; its log may say why"
    )
    assert sys.__stderr__ is not None
    print(sentence, file=sys.__stderr__, flush=True)
    return 1


def uncapture_stderr() -> None:
    """Stop sending what is written to standard error into the log: it goes again where it went when the
    process began.
    """
    if isinstance(sys.stderr, LoggingFile):
        sys.stderr = sys.__stderr__
