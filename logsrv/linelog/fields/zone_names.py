"""The time zones that may stand behind a time: one table for syslog headers and imported files."""

from __future__ import annotations

from itertools import groupby

_HOURS = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "MSD": 4, "TRT": 3, "SAMT": 4, "YEKT": 5, "OMST": 6, "KRAT": 7, "IRKT": 8, "YAKT": 9,
    "VLAT": 10, "MAGT": 11, "PETT": 12,
    "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8,
    "HST": -10, "HDT": -9, "ADT": -3, "NST": -3.5, "NDT": -2.5,
    "BRT": -3, "BRST": -2, "ART": -3, "CLT": -4, "CLST": -3,
    "WAT": 1, "CAT": 2, "SAST": 2, "EAT": 3,
    "IRST": 3.5, "GST": 4, "PKT": 5, "NPT": 5.75, "ICT": 7, "WIB": 7, "WITA": 8, "WIT": 9, "SGT": 8,
    "MYT": 8, "HKT": 8, "PHT": 8, "JST": 9, "KST": 9,
    "AWST": 8, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
MINUTES = {name: round(60 * hours) for name, hours in _HOURS.items()}
"""The minutes that each zone is ahead of UTC."""
AMBIGUOUS = ("AST", "BST", "CST", "IST", "SST")
"""The names that zones of several parts of the world have, each used now.

AST: the Atlantic, Arabia. BST: Britain, Bangladesh. CST: America, China, Cuba. IST: India, Ireland, Israel.
SST: Samoa, Singapore."""
NAMES = (*MINUTES, *AMBIGUOUS)
"""All names. A word of these behind a time is no name of a host."""


def _pattern_of_names() -> bytes:
    """Return an expression for one of the names. Its first letter comes first: most words have another."""
    groups = groupby(sorted(NAMES, reverse=True), key=lambda name: name[0])
    parts = [f"{letter}(?:{'|'.join(name[1:] for name in names)})" for letter, names in groups]
    return rb"(?:" + "|".join(parts).encode() + rb")"


NAME = _pattern_of_names()
LIKE_NAME = rb"(?:[A-Z][A-Z]{1,2}T|UTC|MS[KD]|WI(?:TA|B)|Z)"
"""A shorter expression for the names, and for some other words."""
HOURS = rb"[+-](?:0[0-9]|1[0-4])"
"""The hours of an offset: no zone is further from UTC than 14."""
QUARTERS = rb":?(?:[03]0|[14]5)(?!\.?[0-9])"
"""The minutes of an offset. In `+03:10.0.0.9(50000)` they are none, but the beginning of an address."""
