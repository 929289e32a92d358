"""Command lines without a mistake, read without argparse: it takes a third of a search for a rare word.

Here are words of their own for the declared options, each value one word. Anything else, a mistake, a
wish for help or options written together, is argparse's to read, from the same declarations.
"""

from __future__ import annotations

from types import SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


class _Option:
    def __init__(self, group: object, names: Sequence[str], settings: Mapping[str, Any]) -> None:
        long = next((name for name in names if name.startswith("--")), names[0])
        self.group = group
        self.name: str = settings.get("dest") or long.lstrip("-").replace("-", "_")
        self.is_flag = settings.get("action") == "store_true"
        # Given more than once, it is argparse's.
        self.is_list = settings.get("action") == "append"
        self.default = settings.get("default", False if self.is_flag else None)
        self.choices: Sequence[str] | None = settings.get("choices")
        self.type: Callable[[str], object] = settings.get("type", str)

    def value(self, text: str) -> object:
        if text.startswith("-") or (self.choices and text not in self.choices):
            raise ValueError(text)
        return self.type(text)


class Declared:
    """Arguments as a command declares them to a `Parser`."""

    takes_query = False

    def __init__(self) -> None:
        self._options: dict[str, _Option] = {}
        self._single: dict[str, Callable[[str], object]] = {}
        self._words = ""
        self._group: object = None
        self._is_plain = True

    def add_argument(self, *names: str, **settings: Any) -> None:
        action = settings.get("action", "store")
        if not names[0].startswith("-"):
            if "nargs" not in settings and not self._words:
                self._single[names[0]] = settings.get("type", str)
                return
            self._is_plain = self._is_plain and not self._words and settings.get("nargs") == "*"
            self._words = names[0]
        elif action in ("store", "store_true", "append") and "nargs" not in settings:
            option = _Option(self._group, names, settings)
            self._options.update(dict.fromkeys(names, option))
        else:
            self._is_plain = False

    def add_argument_group(self, title: str) -> Declared:
        """Return what takes arguments that stand together in the help."""
        return self

    def add_mutually_exclusive_group(self) -> Declared:
        """Return what takes arguments of which only one may be given."""
        group = Declared()
        group._options, group._group = self._options, group
        return group

    def read(self, words: Sequence[str]) -> SimpleNamespace | None:
        """Return the values that a command line gives; None if it is not a plain one."""
        try:
            return SimpleNamespace(**self._values(words))
        except Exception:
            # argparse has a sentence for every mistake.
            return None

    def _values(self, words: Sequence[str]) -> dict[str, object]:
        values = {option.name: option.default for option in self._options.values()}
        others: list[str] = []
        groups: dict[object, _Option] = {}
        left = iter(words)
        for word in left:
            if not word.startswith("-"):
                others.append(word)
                continue
            option = self._options[word]
            if option.is_list or groups.setdefault(option.group or option, option) is not option:
                raise ValueError(word)
            values[option.name] = option.is_flag or option.value(next(left))
        for option in self._options.values():
            # A default that is text is converted only where nothing is given, as argparse does it.
            if isinstance(option.default, str) and values[option.name] is option.default:
                values[option.name] = option.type(option.default)
        for name, kind in self._single.items():
            values[name] = kind(others.pop(0))
        if self._words:
            values[self._words] = others
        elif others:
            raise ValueError(others)
        if not self._is_plain:
            raise ValueError("a declaration that only argparse knows")
        return values


def of_kind(name: str) -> Callable[[str], Any]:
    """Return a `type=` for values of the kind `name` in `logsrv.kit.options.kinds`, loaded when needed."""

    def parse(text: str) -> Any:
        import argparse

        from logsrv.kit.options import kinds
        from logsrv.kit.text.words import shown

        kind = getattr(kinds, name)
        try:
            return kind.parse(text)
        except ValueError as error:
            said = f"{shown(text)} is {error}; accepted: {kind.accepted}"
            raise argparse.ArgumentTypeError(said) from None

    return parse
