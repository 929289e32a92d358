"""Parse what container runtimes and their tools put before each line of a container.

| Written by | Form |
| --- | --- |
| containerd, CRI-O | `TIME stdout F TEXT`; `P` instead of `F` if the line goes on in the next one |
| `docker compose logs` | `web-1  | TEXT`, perhaps with a time before TEXT |
| `kubectl logs --prefix` | `[pod/POD/CONTAINER] TEXT`, perhaps with a time before TEXT |
| `docker logs --timestamps` | `TIME TEXT` |
"""

from __future__ import annotations

from typing import NamedTuple

from logsrv.kit.text.late_pattern import LatePattern

_SECOND = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
_ZONE = r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
# Only Docker and Kubernetes write nanoseconds with all their zeros.
_NANOSECONDS = _SECOND + r"\.[0-9]{9}" + _ZONE
_TIME = _SECOND + r"(?:\.[0-9]{1,9})?" + _ZONE
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
_CRI = _TIME + r" std(?:out|err) [PF](?::[A-Z])?(?: |\Z)"
_COMPOSE = _NAME + r"(?:[-_][0-9]+ +\| | +\| (?=(?:" + _NANOSECONDS + r" )?\{))"
_KUBECTL = r"\[pod/[a-z0-9.-]{1,253}/[a-z0-9-]{1,63}\] "
BEGIN = rf"(?:{_CRI}|{_COMPOSE}|{_KUBECTL}|{_NANOSECONDS} |{_TIME} \{{)"
"""The beginning of a line with such a prefix."""
_PREFIX = LatePattern(
    (
        rf"(?:(?P<cri>{_TIME}) (?P<stream>std(?:out|err)) (?P<part>[PF])(?::[A-Z])?(?: |\Z)"
        rf"|(?:(?=(?P<compose>{_NAME}) +\|){_COMPOSE}"
        rf"|\[pod/(?P<pod>[a-z0-9.-]{{1,253}})/(?P<container>[a-z0-9-]{{1,63}})\] )"
        rf"(?:(?P<inner>{_TIME}) )?"
        rf"|(?P<nano>{_NANOSECONDS}) |(?P<plain>{_TIME}) (?=\{{))"
    ).encode()
)


class ContainerPrefix(NamedTuple):
    """A parsed prefix. at: offset of the container's text.

    stream: `stdout` or `stderr`; None if the prefix has none. letter_at: offset of its `P` or `F`.
    """

    fields: dict[str, bytes]
    at: int
    stream: bytes | None
    letter_at: int


def parse_container_prefix(message: bytes) -> ContainerPrefix | None:
    """Return the prefix at the beginning of `message`, or None."""
    found = _PREFIX.match(message)
    if found is None:
        return None
    values = {
        "timestamp": found["cri"] or found["inner"] or found["nano"] or found["plain"],
        "hostname": found["pod"],
        "app": found["compose"] or found["container"],
    }
    fields = {name: value for name, value in values.items() if value}
    return ContainerPrefix(fields, found.end(), found["stream"], found.start("part"))
