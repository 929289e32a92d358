"""Texts about what is the same for many commands: `logsrv help TOPIC`, and the pages of section 7."""

from __future__ import annotations

import os

_FOLDER = os.path.join(os.path.dirname(__file__), "topics")
_SUFFIX = ".txt"


def topics() -> dict[str, str]:
    """Return the purpose of each topic, by its name."""
    names = sorted(name for name in os.listdir(_FOLDER) if name.endswith(_SUFFIX))
    return {name.removesuffix(_SUFFIX): _read(name)[0] for name in names}


def topic_text(name: str) -> str:
    """Return the text of a topic, without its purpose."""
    return _read(name + _SUFFIX)[1]


def _read(name: str) -> tuple[str, str]:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        purpose, _, text = file.read().partition("\n\n")
    return purpose, text
