"""A server's rules for robots: `robots.txt` (RFC 9309, with selectors instead of paths, and the older
`Crawl-delay`), and the path delimiter of `caps.txt`. Sans-IO.
"""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.value import Value

AGENT = b"logsrv"
# Seconds. A longer delay counts as this one: nobody would wait for the end of the mirror.
LONGEST_DELAY = 60.0
_MOST_RULES = 10_000


class RobotRules(Value):
    """The rules for us. delay: seconds between requests.

    rules: beginnings of selectors, each with whether they are allowed; the longest match counts.
    """

    rules: tuple[tuple[bytes, bool], ...] = ()
    delay: float = 0.0

    def allows(self, selector: bytes) -> bool:
        """Return true if the rules allow `selector`, with or without a slash at its beginning."""
        if not self.rules:
            return True
        found = [
            (len(begin), allowed)
            for begin, allowed in self.rules
            if selector.startswith(begin) or (b"/" + selector).startswith(begin)
        ]
        return max(found)[1] if found else True


def parse_robots(content: bytes) -> RobotRules:
    """Return the rules for us: of the group that names us, else of the group for all. Never fails."""
    groups: dict[bytes, list[tuple[bytes, bytes]]] = {}
    agents: list[bytes] = []
    in_rules = False
    for name, value in _parse_fields(content):
        if name == b"user-agent":
            if in_rules:
                agents, in_rules = [], False
            agents.append(value.lower())
        else:
            in_rules = True
            for agent in agents:
                rules = groups.setdefault(agent, [])
                if len(rules) < _MOST_RULES:
                    rules.append((name, value))
    return _rules_from_fields(groups.get(AGENT) or groups.get(b"*") or [])


def _rules_from_fields(fields: list[tuple[bytes, bytes]]) -> RobotRules:
    delay = 0.0
    rules = []
    for name, value in fields:
        if name == b"crawl-delay":
            whole, dot, part = value.partition(b".")
            if whole.isdigit() and part.isdigit() == bool(dot) and len(value) < 20:
                delay = min(float(value), LONGEST_DELAY)
        elif name in (b"allow", b"disallow") and value:
            rules.append((value, name == b"allow"))
    return RobotRules(tuple(rules), delay)


def path_delimiter(caps: bytes) -> bytes:
    """Return the path delimiter in caps.txt (`PathDelimeter`, as its authors misspelt it), else `/`."""
    if caps.startswith(b"CAPS"):
        for name, value in _parse_fields(caps.replace(b"=", b":")):
            if name in (b"pathdelimeter", b"pathdelimiter") and len(value) == 1:
                return value
    return b"/"


def _parse_fields(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in content.replace(b"\r", b"\n").split(b"\n"):
        name, colon, value = line.partition(b"#")[0].partition(b":")
        name = name.strip(b" \t")
        if colon and name.replace(b"-", b"a").isalpha():
            yield name.lower(), value.strip(b" \t")
