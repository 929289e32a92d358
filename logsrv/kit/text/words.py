"""Parts of sentences: text from outside, errors, lists, numbers, and suggestions for a mistyped word."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.kit.text.escape import one_line

SHOWN_LENGTH = 100
LONGEST_ERROR = 300
"""The most characters of the text of an error, or of a path in a sentence."""
# Errors that Python raises for data of an unexpected form: their types, or how their texts begin.
_ODD = (AttributeError, IndexError, OverflowError, RecursionError, TypeError)
_ODD_SAID = (
    "invalid literal for ",
    "could not convert ",
    "not enough values ",
    "too many values ",
    "Exceeds the limit ",
    "dictionary update sequence ",
)


def shown(text: str, longest: int = SHOWN_LENGTH) -> str:
    """Return `text` as an error message shows it: escaped, at most `longest` characters, and quoted if it
    has spaces.
    """
    safe = one_line(text, longest)
    return safe if safe and " " not in safe and '"' not in safe else f'"{safe}"'


def host_text(host: str, port: int) -> str:
    """Return a host and a port as one text: `127.0.0.1:514` or `[::1]:514`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def error_text(error: BaseException) -> str:
    """Return an error in one line: its type and its text."""
    kind, said = type(error).__name__, one_line(str(error), LONGEST_ERROR)
    return f"{kind}: {said}" if said else kind


def fault_text(error: BaseException) -> str:
    """Return a phrase, for the owner of some data, about the error that was raised when this data was read.

    Python's own text is for programmers: `'utf-8' codec can't decode byte 0xff in position 0`.
    """
    said = one_line(str(error), LONGEST_ERROR)
    if isinstance(error, OSError):
        return one_line(error.strerror or said, LONGEST_ERROR) or type(error).__name__
    if isinstance(error, UnicodeError):
        # Python's JSON reader guesses UTF-16 or UTF-32 if there are NULs.
        encoding = str(getattr(error, "encoding", "text")).upper()
        return f"it is not {'UTF-8' if encoding.startswith('UTF') else encoding}"
    if type(error).__name__ == "JSONDecodeError":
        position = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        return "it is no JSON, seen at line {}, column {}".format(*position)
    if type(error).__name__ == "ZstdError":
        return "it cannot be decompressed"
    if isinstance(error, KeyError):
        return f"{one_line(str(error.args[0] if error.args else ''))} is missing in it"
    return "it makes no sense" if isinstance(error, _ODD) or said.startswith(_ODD_SAID) else said


def nearest_word(word: str, words: Sequence[str]) -> str | None:
    """Return the word of `words` that was probably meant by `word`; None if no word is similar."""
    from difflib import get_close_matches  # 3 ms, which only a mistake needs

    lower = {known.lower(): known for known in words}
    # Shortened, because the comparison takes quadratic time, and the word may come from a peer.
    found = get_close_matches(word[:SHOWN_LENGTH].lower(), lower, 1)
    return lower[found[0]] if found else None


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """Return a question such as ` (did you mean interval?)`, or nothing if no word is similar."""
    near = nearest_word(word, words)
    return f" (did you mean {near}?)" if near else ""


def listed(words: Sequence[str]) -> str:
    """Return words as a list for a sentence: `a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def counted(number: float, noun: str) -> str:
    """Return a number with its noun: `1 listener`, `12,300 lines`; only for nouns that take an s."""
    return f"{number:,.0f} {noun}{'' if round(number) == 1 else 's'}"


def size_text(size: float) -> str:
    """Return a number of bytes as `1.5 MiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
