"""The arguments of an endpoint string: `ARGUMENT:KEY=VALUE…`, cut at the colons and named."""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.kit.text.words import listed, nearest, shown


def _parts(rest: str) -> Iterator[tuple[str | None, str]]:
    """Yield each `value` or `name=value` between the colons, its backslashes removed."""
    name, value = None, ""
    characters = iter(rest)
    for character in characters:
        if character == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise ValueError("ends in a backslash that escapes nothing")
            value += escaped
        elif character == ":":
            yield name, value
            name, value = None, ""
        elif character == "=" and name is None:
            name, value = value, ""
        else:
            value += character
    yield name, value


def named_arguments(
    scheme: str, rest: str, takes: tuple[str, ...], named: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the arguments behind `scheme:` by name, in the order in which they are given.

    takes: their names; the first ones may come without, in this order. named: more of them, which may
    not. Raises ValueError.
    """
    arguments: dict[str, str] = {}
    for position, (name, value) in enumerate(_parts(rest)):
        if name is None:
            if position and not value:
                raise ValueError(_stray_colon(scheme, takes))
            if not value and not takes:
                continue
            if position >= len(takes):
                raise ValueError(
                    _stray_colon(scheme, takes) if takes else f"{scheme}: takes no argument"
                )
            name = takes[position]
        if name not in takes and name not in named:
            meant = nearest(name, [*takes, *named])
            accepted = f"did you mean {meant}?" if meant else f"it takes {listed(list(takes))}"
            raise ValueError(f"{scheme}: has no argument {shown(name)}; {accepted}")
        if name in arguments:
            raise ValueError(f"{scheme}: has {name} twice")
        arguments[name] = value
    return arguments


def _stray_colon(scheme: str, takes: tuple[str, ...]) -> str:
    return (
        f"too many colons; {scheme}: takes {', '.join(takes)}, and a colon inside of one is "
        "written \\:, as in interface=\\:\\:1"
    )
