"""Process that has imported what `twistd` and `logsrv` need, and forks for each of them that a test starts.

A daemon takes 0.4 s of CPU for its imports, and tests start hundreds; a fork takes 0.03 s. All else is in
the child as in a process of its own: directory, environment, streams, open files, and the end of Python.
Only the modules are not torn down there: that would copy each page which the fork shares, for 0.04 s.
"""

import atexit
import gc
import importlib
import io
import json
import os
import select
import socket
import struct
import sys
import threading
import time
import types
import warnings
from typing import NoReturn

import attrs

MODULES = (
    "twisted.scripts.twistd",
    "twisted.internet.epollreactor",
    "logsrv.linelog.plugin.service",
    *(f"logsrv.linelog.{name}_part" for name in ("alerts.alert", "http.http", "ship.ship")),
    "logsrv.linelog.http.server",
    "logsrv.cli.main",
    # Most children import later, for 0.015 s: the modules of inputs, and those of Twisted's plugins.
    *(
        f"logsrv.linelog.formats.{name}"
        for name in ("lines.input", "http", "nats.stream_source", "forward", "gelf", "hec.input")
    ),
    *(
        f"logsrv.linelog.formats.{name}"
        for name in (
            "journal",
            "loki.input",
            "lumberjack",
            "otlp.input",
            "python",
            "relp",
            "syslog",
        )
    ),
    *("logsrv.linelog.formats.bulk.input", "logsrv.linelog.formats.ndjson.input"),
    "logsrv.linelog.intake.over_http.input",
    *(
        "logsrv.linelog.intake.line_receiver",
        "logsrv.kit._protocol_plugin.plugin",
        "logsrv.linelog.commands.stores",
    ),
    *("csv", "difflib", "importlib.metadata", "unittest", "zoneinfo"),
    *("twisted.cred.strcred", "twisted.trial.itrial", "twisted.words.iwords"),
)
MOST = 200_000
STATUS = struct.Struct("=i")
LAYERS = (io.BufferedIOBase, io.RawIOBase)
# Their finalizers only end their code.
RUNNING_CODE = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


@attrs.frozen
class Request:
    """A program to be run; `streams` are its standard ones."""

    program: str
    words: list[str]
    directory: str
    environment: dict[str, str]
    streams: list[int]


def serve(control: socket.socket) -> Request | None:
    """Fork for each request that comes. Returns it in the child, None in the server at the end."""
    ends: dict[int, tuple[int, int]] = {}
    # Unlike select, it takes descriptors from 1024 on.
    looked_at = select.poll()
    looked_at.register(control, select.POLLIN)
    while True:
        ready = [file for file, _ in looked_at.poll()]
        for end in ends.keys() & ready:
            child, teller = ends.pop(end)
            looked_at.unregister(end)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            os.write(teller, STATUS.pack(status))
            os.close(teller)
            os.close(end)
        if control.fileno() not in ready:
            continue
        data, files, *_ = socket.recv_fds(control, MOST, 4)
        if not data:
            return None
        *streams, teller = files
        if not (child := os.fork()):
            control.close()
            for open_file in [teller, *ends, *(one for _, one in ends.values())]:
                os.close(open_file)
            return Request(**json.loads(data), streams=streams)
        for stream in streams:
            os.close(stream)
        end = os.pidfd_open(child)
        socket.send_fds(control, [str(child).encode()], [end])
        ends[end] = child, teller
        looked_at.register(end, select.POLLIN)


def become(request: Request) -> None:
    """Make this process what the request says."""
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
    for stream in request.streams:
        os.close(stream)
    # Directories may have got files since they were looked into.
    importlib.invalidate_caches()


class QuickEnd:
    """The last exit handler of a child: ends it without the teardown of modules."""

    def __init__(self) -> None:
        self.status: int | None = None
        atexit.register(self.end)

    def end(self) -> None:
        """Finalize what was made since the fork, as the teardown would, and end the process.

        What is left open is reported then. One that ends by another exception ends as usual, as does one
        with another thread, which may be using what it has open.
        """
        if self.status is None or threading.active_count() > 1:
            return
        gc.collect()
        # Without the objects of the server, which are frozen.
        made = [one for one in gc.get_objects() if hasattr(type(one), "__del__")]
        # A stream before the file below it, which gets what is still buffered.
        for one in sorted(
            made, key=lambda one: isinstance(one, LAYERS) + isinstance(one, io.RawIOBase)
        ):
            if not (isinstance(one, RUNNING_CODE) or is_kept(one)):
                one.__del__()
        for stream in filter(None, (sys.stdout, sys.stderr)):
            try:
                stream.flush()
            except (OSError, ValueError):
                return
        os._exit(self.status & 0xFF)


def is_kept(one: object) -> bool:
    """Tell whether this is open to the end: the standard streams, their layers, and Twisted's reserve."""
    layers = [sys.stdin, sys.stdout, sys.stderr]
    layers += [getattr(layer, "buffer", None) for layer in layers]
    layers += [getattr(layer, "raw", None) for layer in layers]
    # Twisted has a file open for connections without a descriptor.
    return any(one is layer for layer in layers) or getattr(one, "name", None) == os.devnull


def run(request: Request, quick_end: QuickEnd) -> NoReturn:
    """Run the program to its end, as tests.parts.commands and logsrv.kit.testing start it."""
    become(request)
    try:
        run_program(request)
    except SystemExit as end:
        code = end.code
        quick_end.status = code if isinstance(code, int) else 0 if code is None else 1
        raise


def run_program(request: Request) -> NoReturn:
    if request.program == "twistd":
        from twisted.scripts import twistd

        sys.path.insert(0, "")
        sys.argv = ["-c", *request.words]
        twistd.run()
        sys.exit()
    from logsrv.cli import main

    sys.argv = [str(main.__file__), *request.words]
    main.program()


if __name__ == "__main__":
    # Before the modules register theirs.
    last = QuickEnd()
    with socket.socket(fileno=int(sys.argv[1])) as place:
        # NumPy has filters of its own.
        with warnings.catch_warnings():
            for module in MODULES:
                importlib.import_module(module)
        # A reactor has files of its own, which no two processes may share.
        assert "twisted.internet.reactor" not in sys.modules
        gc.freeze()
        wanted = serve(place)
    if wanted:
        run(wanted, last)
