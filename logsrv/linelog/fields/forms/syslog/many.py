"""Columns of the fields in syslog headers, and the contents behind the headers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.forms.events.one import APPS
from logsrv.linelog.fields.forms.header_words import FACILITIES, SEVERITIES, may_be_no_host
from logsrv.linelog.fields.forms.json.many import ObjectColumns
from logsrv.linelog.fields.forms.line_form import LineForm, ReadLines
from logsrv.linelog.fields.forms.pieces import (
    HEADER,
    Convert,
    FieldPieces,
    decode_all,
    decode_present,
)
from logsrv.linelog.fields.forms.syslog.line_forms import frequent_data_forms, header_form
from logsrv.linelog.fields.forms.syslog.one import (
    add_structured_data,
    parse_syslog_header,
    unescape_data,
)
from logsrv.linelog.fields.level_names import is_level_in_header
from logsrv.linelog.fields.stored_line import decode_stored, to_stored_bytes

# The name of a message of a device, which may have another header than its line seems to have.
_has_device = re.compile(rb"%(?<=[\s:]%)[A-Z]").search


class HeaderColumns:
    """Adds the fields of headers to `pieces`.

    apps: the program in each header, by the number of its line. rows, contents: what is behind the headers.
    """

    def __init__(self, pieces: FieldPieces) -> None:
        self._pieces = pieces
        self._objects = ObjectColumns(pieces)
        self.rows: list[Array] = []
        self.contents: list[bytes] = []
        self.apps: list[bytes | None] = []

    def add(self, rows: Array, messages: Sequence[bytes]) -> None:
        """Add messages that may have a header. rows: their numbers, in order."""
        devices = []
        # A search in each takes a hundred times as long.
        if _has_device(b"\n".join(messages)):
            devices = [at for at, message in enumerate(messages) if _has_device(message)]
        self._add_singly(rows, messages, devices)
        rows, messages = without(rows, messages, devices)
        # The form of the first line is that of most.
        first = messages[0] if messages else b""
        forms = {
            kind: header_form(kind, self._wants) for kind in ("usual", "local", "new", "container")
        }
        for kind in sorted(forms, key=lambda kind: not _is_likely(forms[kind], first)):
            found = forms[kind].read(rows, messages)
            odd = _odd_lines(kind, found)
            others = sorted([*found.others, *numpy.searchsorted(rows, found.rows[odd]).tolist()])
            if odd:
                found = forms[kind].read(*without(rows, messages, others))
            if len(found.rows):
                self._add_form(found, _present_words if kind == "new" else decode_present)
            rows, messages = rows[others], [messages[at] for at in others]
        self._add_singly(rows, messages, range(len(messages)))

    def _wants(self, group: str) -> bool:
        """Tell whether the text of a group is needed."""
        if self._pieces.wanted is None:
            return True
        if group == "priority":
            return self._pieces.wants("severity") or self._pieces.wants("facility")
        has_contents = self._pieces.wanted.in_contents
        if group == "data":
            return has_contents
        return self._pieces.wants(group) or (group == "text" and has_contents)

    def _add_form(self, read_lines: ReadLines, convert: Convert) -> None:
        for name, (codes, values) in read_lines.columns.items():
            if name == "priority":
                self._add_priorities(read_lines.rows, codes, values)
            else:
                self._pieces.add_converted(name, read_lines.rows, codes, convert(values), HEADER)
        texts = read_lines.texts.get("text", [])
        joined = b"\n".join([*texts, b""])
        if rb"\x00" + b"\n" in joined or b"\0\n" in joined:
            texts = [text.removesuffix(rb"\x00").removesuffix(b"\0") for text in texts]
        if texts:
            self._pieces.add("text", read_lines.rows, texts, HEADER, convert=decode_all)
        self._add_data(read_lines.rows, read_lines.texts.get("data", ()))
        apps = read_lines.texts.get("app")
        if apps:
            self._pieces.add("app", read_lines.rows, apps, HEADER, convert=convert)
        if texts:
            self.rows.append(read_lines.rows)
            self.contents += texts
            self.apps += apps or [b""] * len(texts)

    def _add_priorities(self, rows: Array, codes: Array, priorities: Sequence[bytes]) -> None:
        for index, name in enumerate(("facility", "severity")):
            said = [_OF_PRIORITY[int(one)][index] if one else None for one in priorities]
            self._pieces.add_converted(name, rows, codes, said, HEADER)

    def _add_data(self, rows: Array, data: Sequence[bytes]) -> None:
        """Add the fields of structured data."""
        at = [index for index, elements in enumerate(data) if elements]
        rows, data = rows[at], [data[index] for index in at]
        for form in frequent_data_forms(data):
            found = form.read(rows, data)
            for name, (codes, values) in found.columns.items():
                self._pieces.add_converted(name, found.rows, codes, _data_texts(values), HEADER)
            rows, data = rows[found.others], [data[index] for index in found.others]
        if data:
            fields: list[dict[str, str]] = [{} for _ in data]
            for each, elements in zip(fields, data, strict=True):
                add_structured_data(elements, 0, each)
            self._objects.add_flat(rows, fields, HEADER)

    def _add_singly(self, rows: Array, messages: Sequence[bytes], those: Sequence[int]) -> None:
        if not those:
            return
        found = [parse_syslog_header(messages[at]) for at in those]
        known = [index for index, header in enumerate(found) if header]
        fields = [header.fields for header in found if header]
        self._objects.add_flat(rows[[those[index] for index in known]], fields, HEADER)
        self.rows.append(rows[[*those]])
        for at, header in zip(those, found, strict=True):
            self.contents.append(header.text if header else messages[at])
            app = header.fields.get("app", "") if header else None
            self.apps.append(None if app is None else to_stored_bytes(app))


def _is_likely(form: LineForm, message: bytes) -> bool:
    """Tell whether a message has this form."""
    return form.read(numpy.zeros(1, int), [message]).others == []


def _data_texts(values: Sequence[bytes]) -> list[str | None]:
    texts = decode_all([*map(unescape_data, values)])
    return [None if text == "-" else text for text in texts]


def _present_words(values: Sequence[bytes]) -> list[str | None]:
    return decode_present(values, ("", "-"))


_OF_PRIORITY = [(facility, severity) for facility in FACILITIES for severity in SEVERITIES]


def _odd_lines(kind: str, found: ReadLines) -> list[int]:
    """Return the indexes of lines whose words may be no host, or no program."""
    if kind in ("new", "container"):
        return []
    odd = {app for app in {*found.texts["app"]} if app in APPS or _is_level(app)}
    if kind == "local":
        odd |= set(filter(may_be_no_host, found.texts["app"]))
    lines = {at for at, app in enumerate(found.texts["app"]) if app in odd} if odd else set()
    if kind == "usual":
        codes, hosts = found.columns["hostname"]
        for code, host in enumerate(hosts):
            if may_be_no_host(host) or _is_level(host):
                lines.update(numpy.flatnonzero(codes == code).tolist())
    return sorted(lines)


def _is_level(word: bytes) -> bool:
    return is_level_in_header(decode_stored(word))


def without(
    rows: Array, messages: Sequence[bytes], those: Sequence[int]
) -> tuple[Array, Sequence[bytes]]:
    """Return the lines without those with these indexes."""
    if not those:
        return rows, messages
    left = numpy.ones(len(rows), bool)
    left[[*those]] = False
    chosen = numpy.flatnonzero(left)
    return rows[chosen], [messages[at] for at in chosen.tolist()]
