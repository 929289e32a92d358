"""Arguments between colons: with names and without."""

from __future__ import annotations

import pytest

from logsrv.kit.net.endpoints.checks import named_arguments

TAKES = ("host", "port")


def test_the_first_ones_need_no_name() -> None:
    assert named_arguments("tcp", "a:1", TAKES) == {"host": "a", "port": "1"}
    assert named_arguments("tcp", "port=1:host=a", TAKES) == {"port": "1", "host": "a"}
    assert named_arguments("stdin", "", ()) == {}


def test_others_need_one() -> None:
    assert named_arguments("tcp", "a:1:key=k", TAKES, ("key",))["key"] == "k"
    with pytest.raises(ValueError, match="too many colons; tcp: takes host, port, and a colon"):
        named_arguments("tcp", "a:1:k", TAKES, ("key",))


def test_a_backslash_makes_a_character_a_part_of_the_value() -> None:
    text = r"\:\:1:p\=\\"
    assert named_arguments("tcp", text, TAKES) == {"host": "::1", "port": "p=\\"}


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        ("a:prot=1", "tcp: has no argument prot; did you mean port?"),
        ("a:x=1", "tcp: has no argument x; it takes host or port"),
        ("a:host=b", "tcp: has host twice"),
        ("a\\", "ends in a backslash that escapes nothing"),
    ],
)
def test_mistakes(rest: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        named_arguments("tcp", rest, TAKES)
    assert str(caught.value) == sentence
