"""The counts of a mirror's run, and the report in words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from logsrv.gopher.mirror.journal import FILE
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import size_text

_MOST_SHOWN = 200
INTERRUPTED = "Ctrl-C"


class MirrorTally:
    """The counts of a run.

    fetched: items fetched. kept: earlier copies that were not requested. changed: earlier copies that an
    update replaced. same: those that it found unchanged. unlisted: copies that no menu lists any
    more, and that stay. removed: such copies that were removed. withheld: nothing was removed, because a
    new menu that may list them could not be fetched. failed: errors by URL. stays: failed URLs that have an
    earlier copy. stopped: the limit that ended the run, or INTERRUPTED.
    """

    fetched = kept = changed = same = 0
    withheld = False
    stopped: str | None = None

    def __init__(self) -> None:
        self.failed: dict[GopherURL, Exception] = {}
        self.stays: set[GopherURL] = set()
        self.unlisted: list[GopherURL] = []
        self.removed: list[GopherURL] = []


def progress_line(tally: MirrorTally, waiting: int, received: int) -> str:
    """Return the line that a terminal shows during the run."""
    failed = f", {len(tally.failed)} failed" if tally.failed else ""
    return f"{tally.fetched + tally.kept} done, {waiting} to go{failed}, {size_text(received)}"


def report_text(
    tally: MirrorTally,
    received: int,
    skipped: Mapping[str, int],
    on_other_servers: Mapping[str, int],
    directory: Path | str,
    waiting: int = 0,
) -> str:
    """Return the whole report, ready to print. waiting: number of items that were known and not fetched."""
    kept = f"; there already: {_item_count_text(tally.kept)}" if tally.kept else ""
    lines = [f"{_item_count_text(tally.fetched)} fetched ({size_text(received)}){kept}"]
    if tally.changed or tally.same:
        new = tally.fetched - tally.changed - tally.same
        lines.append(f"of these {tally.changed:,} changed, {new:,} new, {tally.same:,} as before")
    for url, error in list(tally.failed.items())[:_MOST_SHOWN]:
        code = error.code if isinstance(error, GopherError) else "error"
        stays = "; the copy of before stays" if url in tally.stays else ""
        lines.append(f"failed ({code}): {url}: {error}{stays}")
    if len(tally.failed) > _MOST_SHOWN:
        left = len(tally.failed) - _MOST_SHOWN
        lines.append(f"failed: {left} more, which {os.path.join(directory, FILE)} names")
    lines += _unlisted_lines(tally)
    lines += [
        f"left out: {_item_count_text(count)} ({reason})" for reason, count in skipped.items()
    ]
    if on_other_servers:
        address, count = max(on_other_servers.items(), key=lambda each: each[1])
        lines.append(f"most of those on other servers are on {address} ({count})")
    if tally.stopped == INTERRUPTED:
        lines.append(
            f"stopped: {_item_count_text(tally.fetched + tally.kept)} of it are in {directory}, "
            f"{waiting:,} known ones are not yet; the same command continues from here"
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
    return f"{_item_count_text(len(urls))} {'is' if len(urls) == 1 else 'are'} listed by no menu any more"


def _item_count_text(count: int) -> str:
    return f"{count:,} item{'' if count == 1 else 's'}"
