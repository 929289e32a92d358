"""The kinds of values that an option can have: each parses text into a typed value, or says what is wrong.

A new kind is a `Kind` of your own: `Kind(parse, "a colour such as red or #ff0000", "COLOUR")`.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Sequence
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar, overload

import attrs

from logsrv.kit.text.words import did_you_mean, listed

# Covariant, so that a field may have a base of its values as its annotation: `object` for REMOTE.
T = TypeVar("T", covariant=True)
E = TypeVar("E", bound=Enum)
W = TypeVar("W", bound=str)
Network: TypeAlias = IPv4Network | IPv6Network
Completion: TypeAlias = Literal["files", "directories"] | tuple[str, ...] | None

SPACE = r"\s+"
SPACE_OR_COMMA = r"[\s,]+"
LINE = r"\n"


class WrongPartError(ValueError):
    """An error at one position in a long value: a sentence, and lines that show the position.

    picture: these lines, safe to print, such as a part of the value and a caret under it.
    """

    def __init__(self, sentence: str, picture: str) -> None:
        super().__init__(sentence)
        self.picture = picture


@attrs.frozen(kw_only=True)
class Kind(Generic[T]):
    """A kind of values: how a value looks as text, and functions that turn text into a value and a value
    into text.

    parse: returns the value of a text. Raises ValueError with a phrase that says what is wrong ("not a
        size"), or WrongPartError; the kit adds the option, the source of the text and `accepted`.
    accepted: a phrase for all texts that `parse` accepts: "a number of bytes, or …".
    metavar: the word for the value in the help, in upper case; "" for a flag.
    show: returns the text of a value, so that `parse(show(value)) == value`.
    native: the TOML types that may be written without quotes; `parse` gets their text.
    separator: a regular expression that splits an environment variable into several values; None if a
        variable always has one value.
    locate: gets a value and a directory, and returns the value with relative paths made absolute. Raises
        ValueError, as `parse` does, for instance if a file is missing there.
    completion: the completions that a shell offers: files, directories or these words.
    secret: whether the value, or the contents of the file that it names, is secret.
    advise: returns sentences for the log about a valid value that is probably a mistake.
    harmless: tells whether everybody may read the file that a secret value names, such as one with a hash.
    """

    parse: Callable[[str], T] = attrs.field(kw_only=False)
    accepted: str = attrs.field(kw_only=False)
    metavar: str = attrs.field(kw_only=False)
    show: Callable[[T], str] = str
    native: tuple[type, ...] = ()
    separator: str | None = SPACE
    locate: Callable[[T, Path], T] = attrs.field(default=lambda value, directory: value)
    completion: Completion = None
    secret: bool = False
    advise: Callable[[T], Sequence[str]] = attrs.field(default=lambda value: ())
    harmless: Callable[[T], bool] = attrs.field(default=lambda value: False)

    @property
    def is_flag(self) -> bool:
        """Return true if an option of this kind has no value on the command line: `--raw`, `--no-raw`."""
        return not self.metavar


def _parse_text(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("not UTF-8")
    return text


TEXT: Kind[str] = Kind(_parse_text, "any text", "TEXT", separator=LINE)
"""Any text."""


def _parse_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise ValueError("not a name")
    return text


NAME: Kind[str] = Kind(
    _parse_name, "up to 64 letters, digits, dots, dashes and underscores", "NAME"
)
"""A name of a target, an alert or a listener."""


_TRUTH = {"true": True, "yes": True, "on": True, "1": True}
_TRUTH |= {"false": False, "no": False, "off": False, "0": False}


def _parse_flag(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError("neither yes nor no")
    return _TRUTH[text.lower()]


FLAG: Kind[bool] = Kind(
    _parse_flag,
    "true, yes, on or 1; false, no, off or 0",
    "",
    show=lambda value: "true" if value else "false",
    native=(bool,),
    separator=SPACE_OR_COMMA,
)
"""Yes or no."""


def integer(minimum: int | None = None, maximum: int | None = None) -> Kind[int]:
    """Return the kind of whole numbers from `minimum` to `maximum`, both included."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,30}", text):
            raise ValueError("not a whole number")
        value = int(text)
        if minimum is not None and value < minimum:
            raise ValueError("too small")
        if maximum is not None and value > maximum:
            raise ValueError("too large")
        return value

    bounds = {
        (False, False): "a whole number",
        (True, False): f"a whole number, {minimum} or more",
        (False, True): f"a whole number, {maximum} or less",
        (True, True): f"a whole number from {minimum} to {maximum}",
    }[minimum is not None, maximum is not None]
    return Kind(parse, bounds, "NUMBER", native=(int,), separator=SPACE_OR_COMMA)


INTEGER = integer()
"""A whole number."""


_BYTES = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_DECIMAL_UNIT = re.compile(r"([0-9.]+) ?([kmgt])i?b?", re.IGNORECASE)


def _parse_size(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?(KiB|MiB|GiB|TiB|)", text)
    if match is None:
        meant = _DECIMAL_UNIT.fullmatch(text)
        hint = f" (did you mean {meant[1]}{meant[2].upper()}iB?)" if meant else ""
        raise ValueError(f"not a size{hint}")
    whole, fraction, unit = match[1], match[2] or "", match[3]
    # In whole numbers: 0.1 has no exact float.
    value = int(whole + fraction) * _BYTES[unit] // int("1" + "0" * len(fraction))
    if value < 1:
        raise ValueError("less than one byte")
    if value >= 2**63:
        raise ValueError("larger than any file can be")
    return value


def _show_size(value: int) -> str:
    unit = max((unit for unit in _BYTES if value % _BYTES[unit] == 0), key=_BYTES.__getitem__)
    return f"{value // _BYTES[unit]}{unit}"


SIZE: Kind[int] = Kind(
    _parse_size,
    "a number of bytes, or one with KiB, MiB, GiB or TiB, such as 256MiB",
    "SIZE",
    show=_show_size,
    native=(int,),
    separator=SPACE_OR_COMMA,
)
"""A number of bytes."""


_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|s|m|h|d)"


def _parse_span(text: str, plain: float) -> float:
    """Return seconds; a number without a unit counts `plain` seconds."""
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", text):
        seconds = float(text) * plain
    elif re.fullmatch(f"(?:{_AMOUNT})+", text):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_AMOUNT, text))
    else:
        raise ValueError("not a length of time")
    if seconds <= 0:
        raise ValueError("not more than 0")
    return seconds


def _show_span(value: float, plain: float) -> str:
    for unit in ("d", "h", "m", "s"):
        if value >= _SECONDS[unit] and value % _SECONDS[unit] == 0:
            return f"{value / _SECONDS[unit]:.0f}{unit}"
    # Fixed-point, because the kind takes no exponents.
    return f"{value / plain:.12f}".rstrip("0").rstrip(".")


def _duration_kind(unit: float, accepted: str, metavar: str) -> Kind[float]:
    """Return the kind of lengths of time that are counted in `unit` seconds."""
    return Kind(
        lambda text: _parse_span(text, unit) / unit,
        accepted,
        metavar,
        show=lambda value: _show_span(value * unit, unit),
        native=(int, float),
        separator=SPACE_OR_COMMA,
    )


DURATION = _duration_kind(
    1.0, "a number of seconds, or one with ms, s, m, h or d, such as 1.5h or 1h30m", "TIME"
)
"""A length of time, in seconds."""

DAYS = _duration_kind(86400.0, "a number of days, or one with s, m, h or d, such as 36h", "DAYS")
"""A length of time, in days."""


@overload
def choice(first: type[E], /) -> Kind[E]: ...
@overload
def choice(first: W, /, *others: W) -> Kind[W]: ...
def choice(first: Any, /, *others: Any) -> Kind[Any]:
    """Return the kind for one of several words; the words are arguments, or the values of an Enum of
    strings.
    """
    members = (
        {first: first, **{word: word for word in others}}
        if isinstance(first, str)
        else {member.value: member for member in first}
    )
    words = list(members)

    def parse(text: str) -> Any:
        if text not in members:
            raise ValueError(f"unknown{did_you_mean(text, words)}")
        return members[text]

    return Kind(
        parse,
        listed(words),
        "|".join(words),
        show=lambda value: value.value if isinstance(value, Enum) else str(value),
        separator=SPACE_OR_COMMA,
        completion=tuple(words),
    )


def _parse_path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("not a path")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        # It would be made as a directory, such as s3: here.
        raise ValueError("a URL, not a path")
    # A shell does not expand `~` in a file or a variable, and bash not in --option=~/x.
    return Path(os.path.expanduser(text) if text.startswith("~") else text)


PATH: Kind[Path] = Kind(
    _parse_path,
    "a path",
    "PATH",
    separator=re.escape(os.pathsep),
    locate=lambda value, directory: directory / value,
    completion="files",
)
"""A path; in the settings file, a relative path begins in the folder of this file."""
FILE: Kind[Path] = attrs.evolve(PATH, accepted="an existing file", metavar="FILE")
"""An existing file."""
NEW_FILE: Kind[Path] = attrs.evolve(PATH, accepted="a file", metavar="FILE")
"""A file in an existing directory; the service writes this file, and creates it if it does not exist."""
NEW_DIRECTORY: Kind[Path] = attrs.evolve(
    PATH, accepted="a directory", metavar="DIR", completion="directories"
)
"""A directory, which is created if it does not exist."""


def _located_directory(value: Path, directory: Path) -> Path:
    located = directory / value
    try:
        # Also whether the files in it may be opened.
        os.listdir(located / ".")
    except OSError as error:
        known = {
            errno.ENOENT: "there is no directory with this name",
            errno.ENOTDIR: "not a directory",
            errno.EACCES: "no permission to read this directory",
        }
        raise ValueError(known.get(error.errno or 0, error.strerror or str(error))) from None
    return located


DIRECTORY: Kind[Path] = attrs.evolve(
    NEW_DIRECTORY, accepted="an existing directory", locate=_located_directory
)
"""An existing directory."""


def _parse_network(text: str) -> Network:
    # `ipaddress` takes more than CIDR: netmasks, host masks, scope ids.
    if not re.fullmatch(r"[0-9A-Fa-f:.]{1,45}(/[0-9]{1,3})?", text):
        raise ValueError("not a network")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("not a network") from None
    address = text.partition("/")[0]
    if network.network_address != ip_network(address).network_address:
        raise ValueError(f"has host bits set (did you mean {network}?)")
    return network


NETWORK: Kind[Network] = Kind(
    _parse_network,
    "an address or a network, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32",
    "NETWORK",
    separator=SPACE_OR_COMMA,
)
"""An address, or a network in CIDR notation."""


def endpoint_kind(parse: Callable[[str], T], *, locate: Callable[[T, Path], T]) -> Kind[T]:
    """Return the kind of addresses to listen at. parse, locate: as in `Kind`."""
    accepted = "an endpoint, such as tcp:1234, udp:514 or unix:/run/log.sock"
    return Kind(parse, accepted, "ENDPOINT", locate=locate)
