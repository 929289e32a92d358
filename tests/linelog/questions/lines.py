"""Random stored lines, each with what its writer meant by it: this module shares no code with the parsers.

A value is a text, as it was written; whether JSON has it as a number or in quotes makes no difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import TypeAlias

import attrs

from logsrv.kit.text.time import exact_rfc3339

_words = str.split
Value: TypeAlias = str | list[str]
BEGIN = 1_795_154_400_000_000
"""Microseconds: 2026-11-20T06:00:00Z."""

LEVELS = _words("debug info notice warning error critical alert emergency")
OTHER_LEVELS = {
    "trace": "debug", "information": "info", "informational": "info", "warn": "warning", "err": "error",
    "severe": "error", "crit": "critical", "fatal": "critical", "emerg": "emergency", "panic": "emergency",
}  # fmt: skip
LEVEL_OF = {one: one for one in LEVELS} | OTHER_LEVELS
_SYSLOG = dict(enumerate(reversed(LEVELS)))
_PINO = {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "critical"}
_OTLP = ["debug"] * 8 + ["info"] * 4 + ["warning"] * 4 + ["error"] * 4 + ["critical"] * 4
NAMES_OF_LEVEL = _words(
    "level Level severity SEVERITY lvl levelname level_name loglevel LogLevel log.level @level "
    "error_severity severity_text severityText detected_level"
)
_NUMBERS_OF_LEVEL = dict.fromkeys(NAMES_OF_LEVEL, _SYSLOG | _PINO) | {
    "levelno": {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"},
    "severity_number": dict(enumerate(_OTLP, 1)),
    "PRIORITY": _SYSLOG,
}
"""In the order of docs/query.md."""
_FACILITIES = _words(
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock "
    "local0 local1 local2 local3 local4 local5 local6 local7"
)
_SEVERITIES = _words("emerg alert crit err warning notice info debug")
ALIASES = {
    "app": _words(
        "SYSLOG_IDENTIFIER CONTAINER_NAME _COMM resource.service.name service.name service service_name "
        "_app appname program programname attrs.tag kubernetes.container_name _container_name _tag name "
        "logger log.logger logger_name tag container_name"
    ),
    "hostname": _words("_HOSTNAME resource.host.name host.name host"),
    "pid": _words("SYSLOG_PID _PID resource.process.pid process.pid _pid process"),
    "timestamp": _words(
        "@timestamp time _SOURCE_REALTIME_TIMESTAMP __REALTIME_TIMESTAMP asctime Timestamp @t EventTime "
        "instant instant.epochSecond timestamp.seconds started_at lastTimestamp stageTimestamp"
    ),
}
"""The keys of JSON that are found by another name: the table in docs/inputs.md."""

TIMES = {
    "ns": 1, "us": 10**3, "\u00b5s": 10**3, "\u03bcs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
    "h": 3600 * 10**9, "d": 86400 * 10**9,
}  # fmt: skip
"""Nanoseconds."""
SIZES = {"B": 1}
for _power, _letter in enumerate("KMGTPE", 1):
    SIZES |= dict.fromkeys(
        (f"{_letter}B", f"{_letter.lower()}B", f"{_letter.lower()}b"), 1000**_power
    )
    SIZES |= {f"{_letter}iB": 1024**_power}
IN_NAMES = {
    **dict.fromkeys(("ns", "nanos", "nanoseconds"), ("time", 1)),
    **dict.fromkeys(("us", "micros", "microseconds"), ("time", 10**3)),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), ("time", 10**6)),
    **dict.fromkeys(("s", "sec", "secs", "seconds"), ("time", 10**9)),
    **dict.fromkeys(("min", "minutes"), ("time", 60 * 10**9)),
    **{f"{one}b": ("size", 1000**power) for power, one in enumerate("kmg", 1)},
    **{f"{one}ib": ("size", 1024**power) for power, one in enumerate("kmg", 1)},
    "bytes": ("size", 1),
}
"""The units that the last word of a field's name may be."""

_ODD = _words(
    "0 5 7 12 12.5 500 500.0 5e2 5.00E2 +500 -7 .5 5. 007 0.1 0.039 99.5 1.50 1e-7 1e400 NaN Infinity 0x10 "
    "1_000 \uff15 1,5 9223372036854775807 9223372036854775808 -9223372036854775809 18446744073709551617"
)
_ODD += _words("9007199254740992.0 9007199254740993 9007199254740993.0 9007199254740993.1 -2e16")
_ODD += ["1" + "0" * 30, "5 ", "1" * 310]
ODD_NAMES = [
    "a/b", "app.kubernetes.io/name", "größe", "Request Path", "`", "a``b", "x\0y", 'q"q', "b\\s", "漢.é/x",
    "a | b", "n\nl", "by", "desc", "OR", "x,y", "(p)", "-m", "http://x", "5xx", "ma\u00efs", "\U0001f600",
    "took/ms",
]  # fmt: skip
"""Names of JSON's keys that a query has in backticks, or that other formats cannot have."""
_WORDS = _words(
    "bob Bob BOB ann ok true null a=b back\\slash \u00e9 \u00c9 K k \u212a \u017f s /api/v1 10.0.0.1 5Mb "
    "3M 1m30 timeout * 2xx 4XX"
)
_WORDS += ["", "x y", 'say "hi"']
_AMOUNTS = _words("0 1 1.5 2 0.5 39 500 1000 1024 1500 90 3600 .25 -2")
_SOURCES = _words(
    "web@tcp:10.0.0.1:500 tcp:[::1]:7 udp:10.0.0.2:514 unix:uid=0,pid=77 err-1@udp:10.0.0.1:80"
)
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@attrs.frozen
class Line:
    """A stored line. header, content: the fields. kind: of the content: json, access, pairs, event, text.

    source: "" for a line without time and source. is_inside: whether it looks like the inside of a stack
    trace. first: the first line of the record that it goes on with. level: of the line by itself, as long
    as it is not known with which record it goes on.
    """

    moment: int
    source: str
    message: bytes
    kind: str
    header: dict[str, Value]
    content: dict[str, Value]
    level: str | None
    is_inside: bool = False
    first: Line | None = None

    @property
    def time(self) -> str:
        return exact_rfc3339(self.moment)

    @property
    def text(self) -> str:
        return self.message.decode("utf-8", "surrogateescape")

    @property
    def stored(self) -> bytes:
        stamp = f"{self.time} {self.source} ".encode() if self.source else b""
        return stamp + self.message + b"\n"


def random_lines(random: Random, count: int) -> list[Line]:
    """Lines of all kinds, with few names of fields, so that many lines have the same."""
    writer = LineWriter(random)
    return with_records([writer.line() for _ in range(count)])


def with_records(lines: Sequence[Line]) -> list[Line]:
    """The lines, each with the first line of its record, and the level that it has by that."""
    found: list[Line] = []
    last: dict[str, tuple[Line, Line | None]] = {}
    for line in lines:
        before, first = last.get(line.source, (None, None))
        goes_on = line.is_inside and before is not None and _is_soon(before, line)
        if goes_on and first is not None:
            known = level_in_fields(line.content) or first.level or line.level
            line = attrs.evolve(line, first=first, level=known)
        elif not goes_on:
            # What looks like the inside of a trace is no first line.
            first = None if line.is_inside else line
        last[line.source] = line, first
        found.append(line)
    return found


def _is_soon(before: Line, line: Line) -> bool:
    """Whether a line without a time, or within ten seconds, may go on with a record."""
    return not line.source or abs(line.moment - before.moment) <= 10 * 10**6


class LineWriter:
    """The writer of the lines of one store."""

    def __init__(self, random: Random) -> None:
        self._random = random
        units = random.sample(sorted(IN_NAMES), 4)
        made = [f"took_{units[0]}", f"size{units[1].capitalize()}", *units[2:]]
        some = [
            "status",
            "user",
            "took",
            "size",
            "n",
            "http.code",
            "tags",
            "a.b.c",
            "items",
            "text",
            "host",
            "count",
        ]
        self._names = [*made, *random.sample(some, 6)]
        self._odd_names = random.sample(ODD_NAMES, 3)
        self._moment = BEGIN
        self._kept: list[str] = []
        self._sources: list[str] = []

    def _line_inside(self, source: str) -> Line:
        """A line as they stand inside a stack trace, without a header."""
        random, content = self._random, dict[str, Value]()
        if random.randrange(3):
            kind, text = "text", self._some_text() or "x"
            content = dict(re.findall(r"(\S+)=(\S+)", text))
            content, kind = ({}, kind) if len(content) < 2 else (content, "pairs")
        else:
            kind = "pairs"
            text, content = self._pairs()
        text = random.choice(["\t", "    ", "Caused by: ", "\tat ", "... 3 more "]) + text
        message = text.encode("utf-8", "surrogateescape")
        level = _level(kind, {}, content, text)
        return Line(self._moment, source, message, kind, {}, content, level, is_inside=True)

    def line(self) -> Line:
        random = self._random
        # A clock may be set back.
        self._moment += random.choice([0, 1, 10**3, 10**6, 7 * 10**6, 95 * 10**6, -3 * 10**6])
        source = random.choice(_SOURCES)
        if self._sources and not random.randrange(3):
            return self._line_inside(random.choice(self._sources[-3:]))
        self._sources.append(source)
        head, header = self._header() if not random.randrange(3) else ("", {})
        kind = random.choice(["json", "json", "access", "pairs", "pairs", "event", "text"])
        content: dict[str, Value] = {}
        if kind == "json":
            text, content = self._object()
        elif kind == "access":
            text, content = self._access()
        elif kind == "pairs":
            text, content = self._pairs()
        elif kind == "event":
            text, content = self._event()
        else:
            text = self._text()
        if header:
            header["text"] = text
        message = (head + text).encode("utf-8", "surrogateescape")
        level = _level(kind, header, content, text)
        is_inside = not header and message[:1] in (b" ", b"\t") and bool(message.strip())
        return Line(self._moment, source, message, kind, header, content, level, is_inside)

    def _header(self) -> tuple[str, dict[str, Value]]:
        random = self._random
        app, pid, host = random.choice(["sshd", "cron", "my-app"]), str(random.randrange(5)), "gate"
        code = random.randrange(192)
        fields: dict[str, Value] = {"app": app, "pid": pid, "hostname": host}
        coded: dict[str, Value] = {
            "facility": _FACILITIES[code // 8],
            "severity": _SEVERITIES[code % 8],
        }
        if random.randrange(2):
            time = "Nov 20 06:18:42"
            text = f"{time} {host} {app}[{pid}]: "
            has_code = random.randrange(2)
            fields |= {"timestamp": time} | (coded if has_code else {})
            return (f"<{code}>" if has_code else "") + text, fields
        value = random.choice(["5", "x", "12ms"])
        text = f'<{code}>1 2026-11-20T06:18:42Z {host} {app} - ID7 [ex@1 took="{value}"] '
        del fields["pid"]
        fields |= coded | {"timestamp": "2026-11-20T06:18:42Z", "msgid": "ID7", "ex@1.took": value}
        return text, fields

    def _access(self) -> tuple[str, dict[str, Value]]:
        random = self._random
        fields: dict[str, Value] = {
            "client": random.choice(["10.0.0.9", "::1"]),
            "user": random.choice(["-", "bob", "ann", "Bob Smith"]),
            "method": "GET",
            "path": random.choice(["/", "/api/v1?q=1", "/B"]),
            "protocol": "HTTP/1.1",
            "status": random.choice(["200", "204", "301", "404", "500", "503"]),
            "bytes": random.choice(["-", "0", "512", "2000"]),
        }
        text = '{client} - {user} [20/Nov/2026:06:18:42 +0000] "{method} {path} {protocol}" '
        written = f"{text}{{status}} {{bytes}}".format(**fields)
        if random.randrange(2):
            fields |= {"referer": "-", "agent": random.choice(["curl/8", "Timeout 1.0"])}
            written += ' "{referer}" "{agent}"'.format(**fields)
        if not random.randrange(4):
            written = written.replace(":42 ", ":42.123 ").replace('" ', '"  ')
        return written, {name: value for name, value in fields.items() if value != "-"}

    def _names_of_line(self) -> list[str]:
        random = self._random
        names = random.sample(self._names, random.randrange(2, 6))
        if not random.randrange(3):
            names.append(random.choice(list(_NUMBERS_OF_LEVEL)))
        return names

    def _object(self) -> tuple[str, dict[str, Value]]:
        random = self._random
        names = self._names_of_line()
        for name, keys in ALIASES.items():
            if not random.randrange(3):
                names.append(random.choice([*keys, name]))
        if not random.randrange(3):
            names.append(random.choice(self._odd_names))
        # A key in an object, and the object: only one of both.
        names = [
            name
            for name in dict.fromkeys(names)
            if not any(one.startswith(f"{name}.") for one in names)
        ]
        random.shuffle(names)
        fields: dict[str, Value] = {}
        parts = []
        ascii_only = bool(random.randrange(2))

        def written(value: str) -> str:
            is_number = _JSON_NUMBER.fullmatch(value) and value != "-0"
            if (is_number or value in ("true", "NaN", "Infinity")) and random.randrange(3):
                return value
            return json.dumps(value, ensure_ascii=ascii_only)

        for name in names:
            value = self._value(name)
            if isinstance(value, str):
                shown = written(value)
                if not random.randrange(12):
                    shown, value = "null", []
            else:
                shown = f"[{','.join(map(written, value))}]"
                if not random.randrange(4):
                    inner = {"k": random.choice(["bob", 5, True, None]), "l": [1, "\u00e9"]}
                    shown = shown[:-1] + "," * bool(value) + "null," + json.dumps(inner) + "]"
                    value = [*value, json.dumps(inner, ensure_ascii=False, separators=(",", ":"))]
            if value != []:
                fields[name] = value
            key = self._key(name, ascii_only)
            outer, _, rest = name.partition(".")
            if (
                rest
                and [one.split(".")[0] for one in names].count(outer) == 1
                and random.randrange(2)
            ):
                shown = f"{{{self._key(rest, ascii_only)}:{shown}}}"
                key = self._key(outer, ascii_only)
            elif not random.randrange(12):
                parts.append(f"{key}:{json.dumps(self._word())}")
            parts.append(f"{key}:{random.choice(['', ' '])}{shown}")
        return "{" + ", ".join(parts) + "}", fields

    def _key(self, name: str, ascii_only: bool) -> str:
        written = json.dumps(name, ensure_ascii=ascii_only)
        return written if self._random.randrange(2) else written.replace("/", "\\/")

    def _pairs(self) -> tuple[str, dict[str, Value]]:
        random = self._random
        parts = [self._some_text()] if random.randrange(2) else []
        fields: dict[str, Value] = dict(re.findall(r"(\S+)=(\S+)", " ".join(parts)))
        names = self._names_of_line()
        if not random.randrange(4):
            names.append(random.choice(["gr\u00f6\u00dfe", "\u7528\u6237.id"]))
        for name in names:
            value = self._value(name)
            value = value if isinstance(value, str) else ",".join(value)
            if re.search(r'[\s"\\]|^\Z|,\Z', value) or not random.randrange(3):
                escaped = value.replace("\\", "\\\\").replace('"', '\\"')
                parts.append(f'{name}="{escaped}"')
            else:
                parts.append(f"{name}={value}" + "," * (not random.randrange(8)))
            fields[name] = value
        if not random.randrange(4):
            return self._audit(parts, fields)
        return " ".join(parts), fields

    def _audit(self, parts: list[str], fields: dict[str, Value]) -> tuple[str, dict[str, Value]]:
        """Pairs as those of auditd: some in single quotes, some behind a byte 0x1d."""
        random = self._random
        at = random.randrange(len(parts) - len(fields), len(parts))
        text = " ".join([*parts[:at], f"msg='{' '.join(parts[at:])}'"])
        if not random.randrange(2):
            return text, fields
        return text + '\\x1dUID="root"', fields | {"UID": "root"}

    def _event(self) -> tuple[str, dict[str, Value]]:
        """An event of CEF or LEEF."""
        random = self._random
        version, vendor, event = "1.0", random.choice(["Sec", "a b"]), random.choice(["100", "x"])
        fields: dict[str, Value] = {
            "deviceVendor": vendor,
            "deviceProduct": "TM",
            "deviceVersion": version,
        }
        fields["deviceEventClassId"] = event
        pairs: dict[str, Value] = {}
        is_cef = bool(random.randrange(2))
        for name in self._names_of_line():
            value = self._value(name)
            value = value if isinstance(value, str) else ",".join(value)
            pairs[name] = value.rstrip()
        if is_cef:
            name, severity = (
                random.choice(["worm stopped", "x"]),
                random.choice(["0", "10", "High"]),
            )
            fields |= {"cefVersion": "0", "name": name, "deviceSeverity": severity}
            head = f"CEF:0|{vendor}|TM|{version}|{event}|{name}|{severity}|"
            escaped = {
                one: str(value).replace("\\", "\\\\").replace("=", "\\=")
                for one, value in pairs.items()
            }
            return head + " ".join(map("=".join, escaped.items())), pairs | fields
        fields["leefVersion"] = "1.0"
        text = "\t".join(f"{name}={value}" for name, value in pairs.items())
        return f"LEEF:1.0|{vendor}|TM|{version}|{event}|{text}", pairs | fields

    def _text(self) -> str:
        text = self._some_text()
        return text if self._random.randrange(12) else text + "\udcff"

    def _some_text(self) -> str:
        random = self._random
        level = random.choice([*LEVEL_OF, "banana"])
        number = random.choice(["5", "40", "1500", "12.5", "1m30s", "7kB"])
        return random.choice(
            [
                f"request took {number} ms",
                f"user {self._word()} took {number}",
                f"{level.upper()} disk is full",
                f"[{level}] disk is full",
                f"an {level} without brackets",
                "x" * 64 + " ERROR too late",
                "Connection reset by peer",
                f"n={number} alone",
                "",
            ]
        )

    def _word(self) -> str:
        return self._random.choice(_WORDS)

    def _value(self, name: str) -> Value:
        random = self._random
        if name in _NUMBERS_OF_LEVEL and random.randrange(6):
            spelled = [random.choice([one, one.upper(), one.title()]) for one in LEVEL_OF]
            return random.choice([*spelled, *map(str, [*range(26), 30, 40, 50, 60])])
        if name == "tags" or not random.randrange(10):
            return [self.scalar() for _ in range(random.randrange(4))]
        return self.scalar()

    def scalar(self) -> str:
        """A number, an amount, a word, or what another line has already."""
        random = self._random
        if self._kept and not random.randrange(4):
            return random.choice(self._kept)
        number = str(random.randrange(-20, 1200))
        amounts = [random_amount(random) for _ in range(4)]
        value = random.choice(
            [random.choice(_ODD), random.choice(_ODD), self._word(), number, *amounts]
        )
        self._kept.append(value)
        return value


def random_amount(random: Random) -> str:
    """A time or a size with a unit, as people write it."""
    number = random.choice(_AMOUNTS)
    if not random.randrange(5):
        return random.choice(["1m30s", "1h 2m", "-1m30s", "1d12h", "1m0.5s", "2h45m10s"])
    return (
        number + random.choice(["", "", " "]) + random.choice(list(random.choice([TIMES, SIZES])))
    )


def number_of(text: str) -> int | float | Fraction | None:
    """The number that a text is, or None; beyond 2^53 a double would be another one."""
    if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        return int(text)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text, re.ASCII):
        return None
    if abs(float(text)) >= 2**53:
        return None if abs(float(text)) == float("inf") else Fraction(text)
    return float(text)


def level_in_fields(content: dict[str, Value]) -> str | None:
    """The level that fields of the content name."""
    for name, numbers in _NUMBERS_OF_LEVEL.items():
        known = content.get(name, [])
        for value in known if isinstance(known, list) else [known]:
            if name in NAMES_OF_LEVEL and value.lower() in LEVEL_OF:
                return LEVEL_OF[value.lower()]
            if found := numbers.get(number_of(value)):  # type: ignore[arg-type]
                return str(found)
    return None


def own_level(line: Line) -> str | None:
    """The level of a line by itself."""
    return _level(
        line.kind,
        line.header,
        line.content,
        line.text if not line.header else str(line.header["text"]),
    )


def _level(kind: str, header: dict[str, Value], content: dict[str, Value], text: str) -> str | None:
    """The level of a line, by the rules of docs/query.md."""
    if kind == "event":
        # Their numbers are no severities of syslog.
        content = {name: value for name, value in content.items() if number_of(str(value)) is None}
    if kind != "access" and (level := level_in_fields(content)):
        return level
    if kind == "json" and "@t" in content:
        return "info"
    said = []
    if "severity" in header:
        said.append(_SYSLOG[_SEVERITIES.index(str(header["severity"]))])
    if kind == "access":
        said.append({"4": "warning", "5": "error"}.get(str(content["status"])[0], "info"))
    if said:
        return max(said, key=LEVELS.index)
    if kind == "json":
        return None
    for word in re.finditer(r"\w+", text):
        level = LEVEL_OF.get(word[0].lower())
        bracketed = text[word.start() - 1 : word.end() + 1] == f"[{word[0]}]"
        # It is the value of another field: `levelno=INFO`.
        if {*text[: word.start()][-1:], *text[word.end() :][:1]} & {*".=-"}:
            continue
        if word.start() < 64 and level and (word[0].isupper() or bracketed):
            return level
    return None
