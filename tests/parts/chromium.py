"""A headless Chromium that is driven as a person would: pages, keys, the mouse, pictures.

Over the DevTools protocol through a pair of pipes: no port, no WebSocket, nothing to install.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import program

_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--remote-debugging-pipe"),
    # What moves as long as something is under way is drawn sixty times a second.
    "--force-prefers-reduced-motion",
)
_NAMED = {
    "Escape": 27,
    "Enter": 13,
    "ArrowLeft": 37,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Tab": 9,
    "Backspace": 8,
}
_SHIFT = 8
# Keeps from the page what is pressed beside an element, up to the end of a click; tells if that hit it.
_GUARD = """(() => {
    const kinds = ["pointerdown", "mousedown", "pointerup", "mouseup", "click"];
    let hit = false;
    const end = () => kinds.forEach((kind) => window.removeEventListener(kind, guard, true));
    const guard = (event) => {
        const within = document.querySelector(%s)?.contains(event.target) ?? false;
        if (!within) { event.stopImmediatePropagation(); event.preventDefault(); }
        if (event.type === "click") { hit = within; end(); }
    };
    kinds.forEach((kind) => window.addEventListener(kind, guard, true));
    window.hasHit = () => { end(); delete window.hasHit; return hit; };
})()"""


class Chromium:
    """A browser process; use it in a `with` statement. `page(url)` opens pages."""

    def __enter__(self) -> Chromium:
        self.has_ended = False
        self._replies: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        # Blank tabs, each in a context of its own.
        self._tabs: list[Tab] = []
        self._number = 0
        # The same engine without a browser's windows takes two thirds of the CPU.
        command = shutil.which("chromium-headless-shell") or program("chromium", "chromium")
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # Chromium reads from 3 and writes to 4; above 10 nothing is in the way of those.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]

        def put_pipes_at_3_and_4() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [
                command,
                *_QUIET,
                f"--user-data-dir={self._profile.name}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            # Debian's program is a shell that waits for the browser.
            start_new_session=True,
            preexec_fn=put_pipes_at_3_and_4,
        )
        for end in (theirs_in, theirs_out, *ends):
            os.close(end)
        # Readable as soon as the process has ended.
        self._life = os.pidfd_open(self.process.pid)
        self._out = os.fdopen(ours_out, "wb", buffering=0)
        self._in = os.fdopen(ours_in, "rb", buffering=0)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # It ends with all its processes when nobody can send commands any more.
        self._out.close()
        self._reader.join(PATIENCE)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
        self._in.close()
        os.close(self._life)
        self._profile.cleanup()

    def page(self, url: str, width: int = 1280, height: int = 800, **media: str) -> Page:
        """Open a page of its own, with storage of its own. media: `prefers_color_scheme="dark"`."""
        # The process of a new tab takes 0.4 s of CPU to begin.
        tab = self._tabs.pop() if self._tabs else self._new_tab()
        session = self.call("Target.attachToTarget", targetId=tab.target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, tab)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        page.media(**media)
        page.go(url)
        return page

    def _new_tab(self) -> Tab:
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        return Tab(context, target["targetId"])

    def take_back(self, tab: Tab, session: str) -> None:
        """Keep a blank tab for another page, without cookies and what its session has set.

        Other storage belongs to the port of a server, which the next one does not have.
        """
        self.call("Target.detachFromTarget", sessionId=session)
        del self._pages[session]
        self.call("Storage.clearCookies", browserContextId=tab.context)
        self._tabs.append(tab)

    def close_pages(self) -> None:
        """Leave all pages. One that is left open goes on drawing, and trying to reach its server."""
        for page in [] if self.has_ended else list(self._pages.values()):
            page.close()

    def restart_if_ended(self) -> None:
        """Start it again: one that has died in a test must fail no other."""
        if self.has_ended:
            self.__exit__(None, None, None)
            self.__enter__()

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """Send a command and return its result. Raises AssertionError with Chromium's complaint."""
        self._number += 1
        number = self._number
        self._replies[number] = queue.Queue(1)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        # Then nobody answers; the reader tells those who have asked before.
        assert not self.has_ended, "Chromium has ended"
        # If nobody reads it any more, the reader sees the end, too.
        with contextlib.suppress(BrokenPipeError):
            self._out.write(json.dumps(message).encode() + b"\0")
        reply = self._replies[number].get(timeout=PATIENCE + 5)
        del self._replies[number]
        assert "error" not in reply, f"{method}: {reply.get('error')}"
        return reply["result"]

    def _read_chunk(self) -> bytes:
        """Return what it says next; nothing once it has ended, even if a child of it still has the pipe."""
        ready, _, _ = select.select([self._in.fileno(), self._life], [], [])
        return self._in.read(1 << 20) if self._in.fileno() in ready else b""

    def _read(self) -> None:
        rest = b""
        while chunk := self._read_chunk():
            *messages, rest = (rest + chunk).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    if waiting := self._replies.get(message["id"]):
                        waiting.put(message)
                elif page := self._pages.get(message.get("sessionId", "")):
                    page.heard(message["method"], message["params"])
        self.has_ended = True
        for waiting in [*self._replies.values()]:
            with contextlib.suppress(queue.Full):
                waiting.put_nowait({"error": "Chromium has ended"})


class Tab(NamedTuple):
    """A tab, alone in its context: by their names in the protocol."""

    context: str
    target: str


class Page:
    """A page in a browser. complaints: uncaught errors, refused loads, warnings of its console."""

    def __init__(self, browser: Chromium, session: str, tab: Tab) -> None:
        self._browser = browser
        self._session = session
        self._tab = tab
        self.complaints: list[str] = []

    def heard(self, method: str, event: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.complaints.append(
                details.get("exception", {}).get("description") or details["text"]
            )
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("warning", "error"):
            self.complaints.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning"):
            self.complaints.append(str([one.get("description") for one in event["args"]]))
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog: {event['message']}")

    def call(self, method: str, **parameters: Any) -> Any:
        return self._browser.call(method, self._session, **parameters)

    def go(self, url: str) -> None:
        """Load `url`, without waiting for it: `wait` for what is to be there."""
        self.call("Page.navigate", url=url)

    def close(self) -> None:
        """Leave the page; its tab is used again."""
        self.go("about:blank")
        self.wait("location.href === 'about:blank'")
        self.call("Page.resetNavigationHistory")
        self._browser.take_back(self._tab, self._session)

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def media(self, **features: str) -> None:
        """Say what the system prefers: `prefers_color_scheme="dark"`."""
        given = [{"name": name.replace("_", "-"), "value": features[name]} for name in features]
        self.call("Emulation.setEmulatedMedia", features=given)

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        result = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, condition: str, seconds: float = PATIENCE) -> Any:
        """Return the value of a JavaScript expression as soon as it is true.

        It looks less and less often: most are true at once, and each look may lay out the page.
        """
        script = f"""new Promise((done) => {{
            const end = performance.now() + {seconds * 1000};
            let pause = 10;
            const look = () => {{
                let value = null;
                try {{ value = {condition}; }} catch {{}}
                if (value) done(value instanceof Node ? true : value);
                else if (performance.now() > end) done(null);
                else setTimeout(look, pause = Math.min(pause + 5, 60));
            }};
            look();
        }})"""
        for _ in range(3):
            try:
                found = self.run(script)
                break
            except AssertionError as error:
                # The page was just being loaded.
                if "context" not in str(error) and "navigated" not in str(error):
                    raise
        assert found, f"waited in vain for {condition}\n{self.complaints}\n{self.text('body')}"
        return found

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.run(
            f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.textContent)"
        )
        return found

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key: a character, or a name such as `Escape`."""
        shift = shift or (len(key) == 1 and key.isupper())
        event: dict[str, Any] = {
            "key": key,
            "code": {" ": "Space"}.get(key, key),
            "modifiers": _SHIFT if shift else 0,
            "windowsVirtualKeyCode": _NAMED.get(key, ord(key[0].upper())),
        }
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        self.call(
            "Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **event
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def fill(self, selector: str, text: str) -> None:
        """Put `text` into a field instead of what is in it."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.run(f"document.querySelector({json.dumps(selector)}).select()")
        if text:
            self.write(text)
        else:
            self.call(
                "Input.dispatchKeyEvent", type="keyDown", key="Delete", windowsVirtualKeyCode=46
            )

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Return left, top, width and height of an element, in pixels of the window."""
        box = self.run(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; })()"
        )
        return (box[0], box[1], box[2], box[3])

    def await_standstill(self, selector: str) -> None:
        """Wait until an element no longer moves, at most two seconds."""
        self.wait(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); const here = [box.left, box.top, box.width, box.height] + '';"
            "const still = window.clicked ??= {begun: performance.now(), here, looks: 0};"
            "still.looks = still.here === here ? still.looks + 1 : 0; still.here = here;"
            "return still.looks > 5 || performance.now() - still.begun > 2000; })()"
        )
        self.run("void delete window.clicked")

    def hover(self, selector: str) -> None:
        """Move the mouse to the middle of an element once it stands still."""
        self.await_standstill(selector)
        left, top, width, height = self.box(selector)
        self.mouse("mouseMoved", left + width / 2, top + height / 2)

    def click(self, selector: str) -> None:
        """Click on the middle of an element once it stands still, as a person does.

        A click beside it, as what comes meanwhile has moved it, is kept from the page, and made again.
        """
        for guarded in (True, True, True, True, False):
            self.await_standstill(selector)
            left, top, width, height = self.box(selector)
            if guarded:
                self.run(_GUARD % json.dumps(selector))
            self.mouse("mousePressed", left + width / 2, top + height / 2)
            self.mouse("mouseReleased", left + width / 2, top + height / 2)
            if not guarded or self._has_hit():
                return

    def _has_hit(self) -> bool:
        try:
            return bool(self.run("window.hasHit ? window.hasHit() : true"))
        except AssertionError as error:
            # It has left the page.
            if "context" not in str(error) and "navigated" not in str(error):
                raise
            return True

    def mouse(self, kind: str, x: float, y: float) -> None:
        held = kind != "mouseMoved"
        self.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button="left" if held else "none",
            clickCount=1 if held else 0,
        )

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mouseMoved", *start)
        self.mouse("mousePressed", *start)
        for step in (0.5, 1):
            x, y = (start[axis] + (end[axis] - start[axis]) * step for axis in (0, 1))
            self.call(
                "Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1
            )
        self.mouse("mouseReleased", *end)

    def scroll(self, selector: str, distance: float) -> None:
        """Turn the wheel over an element: downwards if `distance` is positive."""
        left, top, width, height = self.box(selector)
        self.call(
            "Input.dispatchMouseEvent",
            type="mouseWheel",
            x=left + width / 2,
            y=top + height / 2,
            deltaX=0,
            deltaY=distance,
        )

    def picture(self, path: Path) -> bytes:
        """Save a PNG of the window, and return it."""
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        path.write_bytes(data)
        return data
