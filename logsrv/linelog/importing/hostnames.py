"""Hostnames for imported lines that have none: `--hostname`, and `--hostname-from` a file's path.

A line gets a header before its own text, in the form that syslog daemons write into files:
`TIME HOSTNAME APP: TEXT`. Every reader of the store knows that header, and it says no level, so the level
stays that of the text. The text itself does not change. APP is the line's own program, or the file's name.

A line that goes on with a record, as those of a stack trace do, stays as it is: it has the hostname and the
level of the record's first line, which it would not have with a header of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from logsrv.kit.connections.source import escaped_word
from logsrv.kit.text.time import exact_rfc3339
from logsrv.kit.text.words import shown
from logsrv.linelog.fields.continuations.joiner import Joiner
from logsrv.linelog.fields.forms.syslog.one import parse_syslog_header
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import to_stored_bytes

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_APP = re.compile(r'[A-Za-z_/.(][^\s:\[\]=",]{0,127}', re.ASCII)
_NO_APP = re.compile(r"[^A-Za-z0-9._-]")
# Rotated files of a log have the name of the log: `access.log.2.gz`, `access.log-20261120`.
_ROTATED = re.compile(r"(?:[.-][0-9]+)?(?:\.(?:gz|zst|bz2|xz))?$")
_SOME_APP = "log"
_SOME_MOMENT = 1_795_155_522_000_000


def is_hostname(text: str) -> bool:
    """Return whether a header with this hostname is read as one: `kernel` and `error` are none."""
    if not _NAME.fullmatch(text):
        return False
    header = parse_syslog_header(_header(_SOME_MOMENT, text, _SOME_APP))
    return header is not None and header.fields.get("hostname") == text


def hostname_option(text: str) -> str:
    """Return a valid hostname, for `type=`."""
    if not is_hostname(text):
        raise ValueError(
            f"{shown(text)} is not a hostname that the header of a log can have, such as web1: letters,"
            " digits, '.', '_', '-'; no level and no word such as kernel"
        )
    return text


class HostnameOfPath:
    """A hostname in the path of a file: the component with a number, or the group of an expression.

    It parses the text of an option, for `type=`.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._number = int(text) if text.isascii() and text.isdigit() else 0
        if text.isascii() and text.isdigit():
            if not self._number:
                raise ValueError(
                    "folders of a path count from 1: of /srv/logs/web1/app.log, 3 is web1"
                )
            return
        try:
            self._expression = re.compile(text)
        except re.error as error:
            raise ValueError(f"{shown(text)} is not a valid expression: {error}") from None
        if self._expression.groups != 1:
            raise ValueError(
                f"{shown(text)} needs one group, the hostname in the path, such as '/([^/]+)/[^/]*$'; or"
                " give the number of a folder"
            )

    def __str__(self) -> str:
        return self._text

    def find(self, path: str) -> str | None:
        """Return the hostname in an absolute path; None without a valid one."""
        if self._number:
            parts = path.split("/")
            # The last component is the file itself.
            found = parts[self._number] if self._number < len(parts) - 1 else None
        else:
            match = self._expression.search(path)
            found = match[1] if match else None
        return found if found and is_hostname(found) else None


class HostnameAdder:
    """Adds a hostname to the lines of one file that have none; call `add` for its lines in their order.

    added: lines that got it. own: lines that have one, or go on with such a line. other: lines that stay
    without one, because they have a header without a hostname, which another header would hide.
    """

    def __init__(self, hostname: str, path: str, source: str) -> None:
        self.hostname = hostname
        self.added = self.own = self.other = 0
        self._source = source.encode("ascii")
        # The records in the file, and those that readers of the store will find.
        self._written, self._stored = Joiner(), Joiner()
        name = _NO_APP.sub("_", _ROTATED.sub("", escaped_word(os.path.basename(path))))
        self._app = name if _APP.fullmatch(name) else f"_{name}"[:128]

    def add(self, moment: int, lines: bytes) -> bytes:
        """Return whole lines of a moment, with the hostname."""
        return b"".join(self._add(moment, lines))

    def _add(self, moment: int, lines: bytes) -> Iterator[bytes]:
        stamp = b"%b %b " % (exact_rfc3339(moment).encode("ascii"), self._source)
        for text in lines.split(b"\n")[:-1]:
            line = ParsedLine(stamp + text)
            first = self._written.first_line(line)
            goes_on = self._stored.first_line(line) is not line if first is not line else False
            prefix = b""
            if line.get("hostname") is not None or first.get("hostname") is not None:
                self.own += 1
            elif goes_on:
                self.added += 1
            elif line.header is None and (found := self._prefix(moment, line)):
                self.added += 1
                prefix = found
            else:
                self.other += 1
            if not goes_on:
                self._stored.first_line(ParsedLine(stamp + prefix + text))
            yield b"%b%b\n" % (prefix, text)

    def _prefix(self, moment: int, line: ParsedLine) -> bytes | None:
        own = line.get("app")
        for app in (own if isinstance(own, str) else "", self._app, _SOME_APP):
            if not _APP.fullmatch(app):
                continue
            prefix = _header(moment, self.hostname, app)
            read = parse_syslog_header(prefix + line.body)
            fields = {"hostname": self.hostname, "app": app}
            if read and fields.items() <= read.fields.items() and line.body.startswith(read.text):
                return prefix
        return None


def _header(moment: int, hostname: str, app: str) -> bytes:
    return to_stored_bytes(f"{exact_rfc3339(moment)} {hostname} {app}: ")
