"""The counts of a mirror's run, and the report in words."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from logsrv.gopher.fetch.local import MIRROR_JOURNAL
from logsrv.gopher.mirror.scope import OTHER_HOST
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import counted, size_text

_MOST_SHOWN = 200
INTERRUPTED = "Ctrl-C"


class MirrorTally:
    """The counts of a run.

    waiting: items that are known and not yet fetched. fetched: items fetched. kept: earlier copies that
    were not requested. skipped: items left out, by reason. on_other_servers: those left out because they
    are on another server, by its address. changed: earlier copies that an update replaced. same: those
    that it found unchanged. unlisted: copies that no menu lists any more, and that stay. removed: such
    copies that were removed. withheld: nothing was removed, because a new menu that may list them could
    not be fetched. failed: errors by URL. stays: failed URLs that have an earlier copy. stopped: the limit
    that ended the run, or INTERRUPTED.
    """

    waiting = fetched = kept = changed = same = 0
    withheld = False
    stopped: str | None = None

    def __init__(self) -> None:
        self.failed: dict[GopherURL, Exception] = {}
        self.stays: set[GopherURL] = set()
        self.unlisted: list[GopherURL] = []
        self.removed: list[GopherURL] = []
        self.skipped: Counter[str] = Counter()
        self.on_other_servers: Counter[str] = Counter()

    def count_left_out(self, url: GopherURL, reason: str) -> None:
        """Count an item that does not belong to the mirror."""
        self.skipped[reason] += 1
        known = self.on_other_servers
        if reason == OTHER_HOST and (url.address in known or len(known) < 1000):
            known[url.address] += 1


def progress_line(tally: MirrorTally, received: int) -> str:
    """Return the line that a terminal shows during the run."""
    failed = f", {len(tally.failed)} failed" if tally.failed else ""
    done = tally.fetched + tally.kept
    return f"{done} done, {tally.waiting} to go{failed}, {size_text(received)}"


def report_text(tally: MirrorTally, received: int, directory: Path | str) -> str:
    """Return the whole report, ready to print. received: bytes of all answers."""
    kept = f"; there already: {counted(tally.kept, 'item')}" if tally.kept else ""
    lines = [f"{counted(tally.fetched, 'item')} fetched ({size_text(received)}){kept}"]
    if tally.changed or tally.same:
        new = tally.fetched - tally.changed - tally.same
        lines.append(f"of these {tally.changed:,} changed, {new:,} new, {tally.same:,} as before")
    for url, error in list(tally.failed.items())[:_MOST_SHOWN]:
        code = error.code if isinstance(error, GopherError) else "error"
        stays = "; the copy of before stays" if url in tally.stays else ""
        lines.append(f"failed ({code}): {url}: {error}{stays}")
    if len(tally.failed) > _MOST_SHOWN:
        left = len(tally.failed) - _MOST_SHOWN
        lines.append(f"failed: {left} more, which {os.path.join(directory, MIRROR_JOURNAL)} names")
    lines += _unlisted_lines(tally)
    for reason, count in tally.skipped.items():
        lines.append(f"left out: {counted(count, 'item')} ({reason})")
    for address, count in tally.on_other_servers.most_common(1):
        lines.append(f"most of those on other servers are on {address} ({count})")
    if tally.stopped == INTERRUPTED:
        lines.append(
            f"stopped: {counted(tally.fetched + tally.kept, 'item')} of it are in {directory}, "
            f"{tally.waiting:,} known ones are not yet; the same command continues from here"
        )
    elif tally.stopped is not None:
        lines.append(f"not complete: stopped by {tally.stopped}; a higher one continues from here")
    elif tally.failed:
        lines.append("not complete: the same command tries again what failed")
    return "".join(f"{one_line(line, 4096)}\n" for line in lines)


def _unlisted_lines(tally: MirrorTally) -> list[str]:
    """Return the lines about items that no menu lists any more."""
    lines = _url_lines("removed", tally.removed) + _url_lines("unlisted", tally.unlisted)
    if tally.removed:
        lines.append(f"{_no_longer_listed(tally.removed)}, and removed")
    if not tally.unlisted:
        return lines
    them = "it" if len(tally.unlisted) == 1 else "them"
    what = f"--update --delete removes {them}"
    if tally.withheld:
        what = f"nothing is removed: a new menu could not be fetched, and may list {them}"
    return [*lines, f"{_no_longer_listed(tally.unlisted)}; {what}"]


def _url_lines(word: str, urls: list[GopherURL]) -> list[str]:
    lines = [f"{word}: {url}" for url in urls[:_MOST_SHOWN]]
    more = len(urls) - _MOST_SHOWN
    return [*lines, f"{word}: {more:,} more"] if more > 0 else lines


def _no_longer_listed(urls: list[GopherURL]) -> str:
    verb = "is" if len(urls) == 1 else "are"
    return f"{counted(len(urls), 'item')} {verb} listed by no menu any more"
