"""A server that saves searches and boards, with threads that a test controls."""

import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from twisted.python.failure import Failure

from logsrv.linelog.store.disk import Disk
from tests.parts.web_requests import Browser, ServedStore

TYPE = "application/json"


class Threads:
    """A thread pool that does everything at once."""

    def callInThreadWithCallback(self, done: Callable[..., None], call: Any, *given: Any) -> None:
        try:
            found = call(*given)
        except Exception:
            done(False, Failure())
        else:
            done(True, found)


class Saving(ServedStore):
    """A server with `--saved FILE`."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.file = directory / "saved.json"
        super().__init__(directory, **({"saved": self.file} | settings))
        reactor: Any = self.reactor
        reactor.getThreadPool = Threads
        reactor.callFromThread = lambda call, *given: call(*given)

    def put(self, name: str, search: object, **headers: str) -> tuple[int, Any]:
        return answer_of(self.send(name, search, **headers))

    def send(self, name: str, search: object, **headers: str) -> Browser:
        """Ask to save; the answer may still be to come."""
        body = search if isinstance(search, bytes) else json.dumps(search).encode()
        browser = Browser(self.server.handle, self.reactor)
        headers = {"Content_Type": TYPE, "Content_Length": str(len(body))} | headers
        browser.get(f"/api/saved/{quote(name, safe='')}", "PUT", **headers)
        browser.channel.dataReceived(body)
        return browser

    def remove(self, name: str, **headers: str) -> tuple[int, Any]:
        return self.ask(f"/api/saved/{quote(name, safe='')}", "DELETE", **headers)

    @property
    def listed(self) -> list[dict[str, Any]]:
        status, answer = self.ask("/api/saved")
        assert status == 200 and answer["enabled"] is True
        found: list[dict[str, Any]] = answer["saved"]
        return found


def answer_of(browser: Browser) -> tuple[int, Any]:
    head, _, answer = browser.received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(answer)


class InterleavedThreads(Threads):
    """A pool with threads for all: before one writes, all others that it was given do their work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._given: deque[Callable[[], None]] = deque()
        replace = Disk.replace_durably

        def write(*given: Any, **how: Any) -> None:
            self.work()
            replace(*given, **how)

        monkeypatch.setattr(Disk, "replace_durably", write)

    def callInThreadWithCallback(self, done: Callable[..., None], call: Any, *given: Any) -> None:
        do_at_once = super().callInThreadWithCallback
        self._given.append(lambda: do_at_once(done, call, *given))

    def work(self) -> None:
        while self._given:
            self._given.popleft()()
