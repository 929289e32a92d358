"""Defects that users would notice, each with the tests beside its module, which must find it."""

from __future__ import annotations

from typing import NamedTuple

from tests.mutants.tree import Patch

SECONDS = 20
"""The seconds of CPU within which a test has to fail."""


class Sabotage(NamedTuple):
    """A defect: in a file of logsrv, `old` becomes `new`. tests: files with a test that must fail then."""

    defect: str
    file: str
    old: str
    new: str
    tests: str

    @property
    def patch(self) -> Patch:
        return Patch(f"logsrv/{self.file}", self.old, self.new)


_INTAKE = "linelog/inputs/intake"
_RECORDS = "linelog/inputs/records"
_BLOCKS = "linelog/inputs/blocks"
_GUARD = "kit/net/guard"
_WRITING = "linelog/store/writing"
_SEALING = "linelog/store/sealing"
_SHIPPING = "linelog/ship/shipping"

SABOTAGES = [
    Sabotage(
        "a line is dropped under load",
        f"{_INTAKE}/intake.py",
        "        self._waiting += [Batch(piece, source, received) for piece in pieces]\n",
        "        if not self.valve.closed:\n"
        "            self._waiting += [Batch(piece, source, received) for piece in pieces]\n",
        _INTAKE,
    ),
    Sabotage(
        "a line is doubled after a reload",
        f"{_INTAKE}/intake.py",
        "        self.rules = settings.line_rules\n",
        "        self.rules = settings.line_rules\n"
        "        self._waiting = deque(2 * list(getattr(self, '_waiting', ())))\n",
        _INTAKE,
    ),
    Sabotage(
        "lines of a connection change their order",
        f"{_INTAKE}/intake.py",
        "self._waiting.popleft()",
        "self._waiting.pop()",
        _INTAKE,
    ),
    Sabotage(
        "RELP acknowledges before it is safe",
        f"{_RECORDS}/relp.py",
        "self.answer_when_safe(answer)",
        "self.answer(answer)",
        _RECORDS,
    ),
    Sabotage(
        "Forward acknowledges before it is safe",
        f"{_RECORDS}/forward.py",
        "self.answer_when_safe(acknowledgement)",
        "self.answer(acknowledgement)",
        _RECORDS,
    ),
    Sabotage(
        "HTTP answers before it is safe",
        "linelog/inputs/http/request.py",
        "safe = self._intake.durable(self._since).addCallback(lambda _: reply)",
        "safe = succeed(reply)",
        "linelog/inputs/http",
    ),
    Sabotage(
        "a block is acknowledged before it is safe",
        f"{_BLOCKS}/body.py",
        "self._stored = intake.deposit(pending).addCallback(self._done, reply)",
        "intake.deposit(pending).addCallback(self._done, reply)\n"
        "        self._stored = Deferred()\n"
        "        self._stored.callback(reply)",
        _BLOCKS,
    ),
    Sabotage(
        "any token lets a sender over HTTP in",
        "linelog/inputs/http/token.py",
        "if not hmac.compare_digest(given, token.encode()):",
        "if not given:",
        "linelog/inputs/http",
    ),
    Sabotage(
        "any token lets a reader in",
        "linelog/http/access.py",
        "if not hmac.compare_digest(given, self._token):",
        "if not given:",
        "linelog/http",
    ),
    Sabotage(
        "--deny keeps nobody out",
        f"{_GUARD}/guard.py",
        "if self._denied.have(address):",
        "if self._denied.have((32, 0)):",
        _GUARD,
    ),
    Sabotage(
        "--allow lets everybody in",
        f"{_GUARD}/guard.py",
        "if self._allowed and not self._allowed.have(address):",
        "if self._allowed and not self._allowed:",
        _GUARD,
    ),
    Sabotage(
        "there is no limit of connections",
        f"{_GUARD}/guard.py",
        "if limit is not None and self.open >= limit:",
        "if limit is not None and self.open >= 2 * limit:",
        _GUARD,
    ),
    Sabotage(
        "retention removes too much",
        f"{_SEALING}/retain.py",
        "        total -= one.size if counts else 0\n",
        "",
        _SEALING,
    ),
    Sabotage(
        "retention removes too little",
        f"{_SEALING}/retain.py",
        "if not (too_much or too_old):",
        "if not (too_much and too_old):",
        _SEALING,
    ),
    Sabotage(
        "an octet-counted frame ends a byte late",
        "linelog/framing/lines/counted.py",
        "    ends = spaces + 1 + counts\n",
        "    ends = spaces + 2 + counts\n",
        "linelog/framing/lines",
    ),
    Sabotage(
        "a frame behind a varint ends a byte late",
        "kit/framing/frames.py",
        "            frames.append(data[begin:stop])\n            at = stop\n        self",
        "            frames.append(data[begin : stop + 1])\n            at = stop\n        self",
        "kit/framing",
    ),
    Sabotage(
        "a netstring ends a byte early",
        "kit/framing/frames.py",
        "            frames.append(data[begin:stop])\n            at = stop + 1\n",
        "            frames.append(data[begin : stop - 1])\n            at = stop + 1\n",
        "kit/framing",
    ),
    Sabotage(
        "a block is not shipped",
        f"{_SHIPPING}/block_shipper.py",
        "            self._flights.send(self._cut)\n",
        "            if self._cut.block.start.offset == 0:\n"
        "                self._flights.send(self._cut)\n",
        _SHIPPING,
    ),
    Sabotage(
        "a block is shipped twice",
        f"{_SHIPPING}/block_shipper.py",
        "            self._flights.send(self._cut)\n",
        "            self._flights.send(self._cut)\n            self._flights.send(self._cut)\n",
        _SHIPPING,
    ),
    Sabotage(
        "counts are stale after a segment was compressed",
        "linelog/http/counting.py",
        "if known is None or not known.compressed:",
        "if known is None:",
        "linelog/http",
    ),
    Sabotage(
        "a line has the time of another",
        f"{_INTAKE}/intake.py",
        "        received = self.clock.seconds()\n",
        "        received = self._first = getattr(self, '_first', self.clock.seconds())\n",
        _INTAKE,
    ),
    Sabotage(
        "a control byte reaches the terminal",
        "kit/text/escape.py",
        '_UNSAFE = "\\x00-\\x08\\x0b-\\x1f',
        '_UNSAFE = "\\x00-\\x08\\x0b-\\x1a\\x1c-\\x1f',
        "kit/text",
    ),
    Sabotage(
        "no certificate of a client is asked for",
        "kit/net/twisted/certificates.py",
        "SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if required else 0)",
        "SSL.VERIFY_PEER",
        "kit/net/twisted",
    ),
    Sabotage(
        "certificates of clients are not verified",
        "kit/net/twisted/certificates.py",
        "context.set_verify(mode, _note_fault)",
        "context.set_verify(mode, lambda *_: True)",
        "kit/net/twisted",
    ),
    Sabotage(
        "any Host is answered",
        "linelog/http/access.py",
        "if name is None or not self._is_ours(name, str(local.host)):",
        "if name is None:",
        "linelog/http",
    ),
    Sabotage(
        "any Host is answered by the gateway",
        "kit/web/hosts.py",
        "return name is not None and (name in names or name in LOOPBACK_NAMES)",
        "return name is not None",
        "kit/web",
    ),
    Sabotage(
        "--sync always does not sync",
        f"{_WRITING}/append.py",
        "synced = policy.sync is Sync.ALWAYS or",
        "synced = policy.sync is Sync.INTERVAL or",
        _WRITING,
    ),
    Sabotage(
        "senders that were paused are never resumed",
        "linelog/store/valve.py",
        "                self._tell(producer, producer.resumeProducing)\n",
        "",
        "linelog/store/test_valve.py",
    ),
]
