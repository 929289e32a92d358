"""Templates: skeletons as people read them, with placeholders such as `<n>` and `<ip>`."""

from __future__ import annotations

import re

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = "\x01:\x01:\x01(?:[.,]\x01)?"
_ZONE = "(?: ?(?:Z|UTC|[+-]\x01(?::\x01)?)(?![A-Za-z]))?"
_GROUP = "[0-9A-Fa-f\x01\x02]{0,9}"
_NOT_INSIDE = "(?<![A-Za-z0-9:.\x01\x02])"
_PLACEHOLDER = re.compile(
    f"(?P<time>\x01[-/]\x01[-/]\x01[T ]+{_CLOCK}{_ZONE}|\x01/{_MONTH}/\x01:{_CLOCK}{_ZONE}"
    f"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?{_MONTH} +\x01 {_CLOCK}{_ZONE}"
    f"|(?<![:\x01]){_CLOCK}(?![:\x01]){_ZONE})"
    f"|(?P<ip>(?<![.\x01])\x01\\.\x01\\.\x01\\.\x01(?![.]?\x01)"
    f"|{_NOT_INSIDE}(?=[^ ]{{0,40}}[\x01\x02])(?:{_GROUP}:){{1,6}}(?::{_GROUP}){{1,6}}(?![:A-Za-z])"
    f"|{_NOT_INSIDE}(?:{_GROUP}:){{7}}{_GROUP}(?![:A-Za-z]))"
    f"|(?P<hex>\x02|{_NOT_INSIDE}(?=[^ ]{{0,20}}[\x01\x02])(?:[0-9A-Fa-f\x01\x02]{{1,3}}[:-]){{5}}"
    f"[0-9A-Fa-f\x01\x02]{{1,3}}(?![:A-Za-z]))"
    "|(?P<n>(?<![A-Za-z0-9_\x01-\x05-])-\x01(?:[.,]\x01)*|\x01(?:[.,]\x01)*)"
    "|(?P<uuid>\x03)|(?P<any>\x04)"
    "|(?P<quoted>\x05|(?<![A-Za-z0-9_\x01-\x05])'[^']{0,200}'(?![A-Za-z0-9_\x01-\x05]))"
)
ANY = "<*>"
PLACEHOLDERS = ("<n>", "<hex>", "<uuid>", "<ip>", "<time>", "<quoted>", ANY)
"""The placeholders of a pattern; `<*>` stands for words that differ."""
_BY_GROUP = {one[1:-1]: one for one in PLACEHOLDERS} | {"any": ANY}
_WHITE = re.compile(r"\s+")
# A number that is padded to a width, as in `[   12.5]`.
_PADDED = re.compile(r"(?<=[\[(])\s+(?=<n>)")
_NAME_DIGITS = re.compile("[0-9]+")


def template_of_skeleton(skeleton: bytes) -> str:
    """Return the template of a line's skeleton."""
    text = skeleton.decode("utf-8", "backslashreplace")
    named = _PLACEHOLDER.sub(lambda found: _BY_GROUP[found.lastgroup or "any"], text)
    return _WHITE.sub(" ", _PADDED.sub("", named)).strip()


def app_in_pattern(app: str) -> str:
    """Return the name of a program without its numbers, so that `worker7` and `worker8` are one."""
    return _NAME_DIGITS.sub("<n>", app)


def share_of(part: float) -> str:
    """Return a share of all lines in per cent: never 0 % for some lines, nor 100 % if one is missing."""
    if part < 0.0005:
        return "< 0.1 %"
    return "> 99.9 %" if 0.9995 <= part < 1 else f"{100 * part:.1f} %"
