"""The servers under test: the command of each, and the file that gets its lines."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import attrs

HERE = Path(__file__).parent
TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")
# Debian installs daemons in directories that are not in the PATH of an ordinary user.
DAEMON_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
ROTATE_SIZE = "64GiB"


@attrs.define(frozen=True, slots=True)
class Listener:
    """The address of a server: `address` is a port of 127.0.0.1, or a path for "unix".

    wire: "tcp", "tls", "unix", "udp", "relp", or "syslog": TCP with messages that may be counted.
    connections: number that the load opens. certificate: a PEM file with certificate and key, for "tls".
    """

    wire: str
    address: str
    connections: int
    certificate: Path | None = None


@attrs.define(frozen=True, slots=True)
class Launch:
    """The command that starts a server, additional environment variables, and the file that gets the
    lines.
    """

    command: tuple[str, ...]
    output: Path
    env: Mapping[str, str] = attrs.field(factory=dict)


class Server(Protocol):
    """A server of the comparison."""

    @property
    def name(self) -> str: ...

    def takes(self, wire: str) -> bool:
        """Return true if the server takes part over a wire."""

    def missing(self) -> str | None:
        """Return a sentence why it cannot run here, None if it can."""

    def launch(self, listener: Listener, work: Path) -> Launch:
        """Return how to start it; it writes only to `work`, an empty directory."""


@attrs.define(frozen=True, slots=True)
class Sink:
    """The C sink. program: compiled by build.py."""

    program: Path
    name: str = "sink"

    def takes(self, wire: str) -> bool:
        return wire not in ("tls", "syslog")

    def missing(self) -> str | None:
        return None

    def launch(self, listener: Listener, work: Path) -> Launch:
        out = work / "sink.log"
        place = (f"--{listener.wire}", listener.address)
        return Launch((str(self.program), "--out", str(out), *place), out)


@attrs.define(frozen=True, slots=True)
class Logsrv:
    """`twistd logsrv` with its defaults and `arguments`.

    checkout: another version of this repository with its own .venv; None for this one.
    """

    arguments: tuple[str, ...] = ()
    checkout: Path | None = None

    @property
    def name(self) -> str:
        return "logsrv" if self.checkout is None else "before"

    @property
    def python(self) -> str:
        return sys.executable if self.checkout is None else str(self.checkout / ".venv/bin/python")

    def takes(self, wire: str) -> bool:
        return True

    def missing(self) -> str | None:
        if self.checkout is not None:
            found = Path(self.python).exists()
            return None if found else f"there is no {self.python}: run make in that checkout."
        if importlib.util.find_spec("logsrv.linelog.plugin.service") is None:
            return f"{sys.executable} has no logsrv: install it (pip install -e .)."
        return None

    def launch(self, listener: Listener, work: Path) -> Launch:
        endpoint = f"{listener.wire}:{listener.address}"
        if listener.wire == "tls":
            pem = listener.certificate
            endpoint = f"ssl:{listener.address}:privateKey={pem}:certKey={pem}"
        elif listener.wire in ("syslog", "relp"):
            endpoint = f"{listener.wire}:tcp:{listener.address}"
        if listener.wire != "unix":
            endpoint += ":interface=127.0.0.1"
        command = (self.python, *TWISTD[1:], "-n", "--pidfile=", "logsrv", "--listen", endpoint)
        options = ("--directory", str(work / "logs"), "--rotate-size", ROTATE_SIZE)
        return Launch((*command, *options, *self.arguments), work / "logs" / "current.log")


def _fill(template: str, listener: Listener, work: Path, out: Path, mask: str = "") -> Path:
    """Write bench/peers/TEMPLATE for a listener to `work`; return the path."""
    # syslog-ng divides one window among all possible connections.
    connections = max(10, listener.connections + 2)
    fetch = min(10_000, max(100, 500_000 // connections))
    words = {
        "@ADDRESS@": listener.address,
        "@WORK@": work,
        "@OUT@": out,
        "@CERTIFICATE@": listener.certificate,
        "@CONNECTIONS@": connections,
        "@FETCH@": fetch,
        "@WINDOW@": fetch * connections,
        "@MASK@": mask,
    }
    return filled(template, words, work)


def filled(template: str, words: Mapping[str, object], work: Path) -> Path:
    """Write bench/peers/TEMPLATE with its @WORDS@ filled in to `work`; return the path."""
    text = (HERE / "peers" / template).read_text()
    for word, value in words.items():
        text = text.replace(word, str(value or ""))
    path = work / template
    path.write_text(text)
    return path


@attrs.define(frozen=True, slots=True)
class Peer:
    """A program found on PATH, or unpacked with its libraries under `root`."""

    program: str
    root: Path | None

    def find(self) -> str | None:
        if self.root is not None and (self.root / "usr/sbin" / self.program).exists():
            return str(self.root / "usr/sbin" / self.program)
        return shutil.which(self.program, path=DAEMON_PATH)

    def missing(self) -> str | None:
        if self.find() is not None:
            return None
        places = "PATH" if self.root is None else f"{self.root}/usr/sbin and PATH"
        return f"{self.program} is not in {places}: README.md of bench/ says how to get it."

    def is_unpacked(self) -> bool:
        return self.root is not None and (self.find() or "").startswith(str(self.root))

    def libraries(self, pattern: str) -> list[str]:
        """Return the directories under `root` with files that match `pattern`."""
        assert self.root is not None
        return sorted({str(path.parent.resolve()) for path in self.root.rglob(pattern)})

    def env(self) -> dict[str, str]:
        if not self.is_unpacked():
            return {}
        return {"LD_LIBRARY_PATH": ":".join(self.libraries("*.so.[0-9]*"))}


@attrs.define(frozen=True, slots=True)
class Rsyslog:
    """rsyslogd with bench/peers/rsyslog-WIRE.conf, or with another of these files."""

    peer: Peer
    name: str = "rsyslog"
    template: str = ""

    def takes(self, wire: str) -> bool:
        return True

    def missing(self) -> str | None:
        return self.peer.missing()

    def launch(self, listener: Listener, work: Path) -> Launch:
        out = work / "rsyslog.log"
        conf = _fill(self.template or f"rsyslog-{listener.wire}.conf", listener, work, out)
        command = [str(self.peer.find()), "-n", "-f", str(conf), "-i", str(work / "pid")]
        if self.peer.is_unpacked():
            command += ["-M", ":".join(self.peer.libraries("imtcp.so"))]
        return Launch(tuple(command), out, self.peer.env())


@attrs.define(frozen=True, slots=True)
class SyslogNg:
    """syslog-ng with bench/peers/syslog-ng-WIRE.conf. mask: an expression of PCRE, over TCP."""

    peer: Peer
    name: str = "syslog-ng"
    mask: str = ""

    def takes(self, wire: str) -> bool:
        return wire not in ("tls", "syslog")

    def missing(self) -> str | None:
        return self.peer.missing()

    def launch(self, listener: Listener, work: Path) -> Launch:
        out = work / "syslog-ng.log"
        conf = _fill(f"syslog-ng-{listener.wire}.conf", listener, work, out, self._rewriting)
        command = [str(self.peer.find()), "-F", "--no-caps", "-f", str(conf)]
        for option, file in (("-R", "persist"), ("-c", "control"), ("-p", "pid")):
            command += [option, str(work / file)]
        if self.peer.is_unpacked():
            command.append("--module-path=" + ":".join(self.peer.libraries("libaffile.so")))
        return Launch(tuple(command), out, self.peer.env())

    @property
    def _rewriting(self) -> str:
        if not self.mask:
            return ""
        expression = self.mask.replace("\\", r"\\")
        how = f'"{expression}", "(masked)", value("MESSAGE"), type("pcre"), flags("global")'
        return f"rewrite {{ subst({how}); }};"


@attrs.define(frozen=True, slots=True)
class Bare:
    """A Twisted protocol that drops all bytes; it has no output."""

    name: str = "bare"

    def takes(self, wire: str) -> bool:
        return wire == "tcp"

    def missing(self) -> str | None:
        return None

    def launch(self, listener: Listener, work: Path) -> Launch:
        program = HERE / "bare.py"
        # -P: otherwise imports would find the modules beside bare.py.
        return Launch((sys.executable, "-P", str(program), listener.address), work / "none")


def every_server(
    sink: Path, peers: Path | None, logsrv_arguments: tuple[str, ...], before: Path | None = None
) -> list[Server]:
    """Return all servers in the order of their turns. before: the checkout of another version."""
    return [
        Sink(sink),
        Logsrv(logsrv_arguments),
        *([] if before is None else [Logsrv(logsrv_arguments, before)]),
        Rsyslog(Peer("rsyslogd", None if peers is None else peers / "rsyslog")),
        SyslogNg(Peer("syslog-ng", None if peers is None else peers / "syslog-ng")),
    ]
