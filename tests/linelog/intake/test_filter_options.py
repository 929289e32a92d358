"""What --mask and --drop take, and the sentence for each value that they refuse."""

import pytest

from logsrv.kit.options.kinds import WrongPartError
from logsrv.linelog.intake.filter_options import DROP, MASK, FilterOptions


@pytest.mark.parametrize(
    "text", [r"/\b\d{16}\b/", "/a b/", r"/\/etc\/shadow/", "/(?P<x>a)b/", "/x$/"]
)
def test_a_mask_is_an_expression_between_slashes(text):
    assert MASK.parse(text) == text


@pytest.mark.parametrize(
    ("text", "sentence", "caret"),
    [
        ("secret", "a mask is a regular expression between slashes", 0),
        ("/secret", "the slash that ends this expression is missing", 7),
        ("/a/ /b/", "a mask is one regular expression, with nothing after it", 3),
        ("/a(b/", r"this regular expression is wrong: missing \)", 1),
        ("/x(?=y)/", "looking ahead or behind is not possible here", 2),
        ("/x*/", "also matches the empty text", 1),
        (r"/\b/", "also matches the empty text", 1),
        ("/^$|x/", "also matches the empty text", 1),
        (r"/a\nb/", r"stored as \\x0a", 2),
        ("/a{1000}{1000}/", "repetition", 1),
        (r"/\pL{500}/", "too large", 1),
    ],
)
def test_a_wrong_mask_is_told_with_a_caret_under_the_error(text, sentence, caret):
    with pytest.raises(WrongPartError, match=sentence) as caught:
        MASK.parse(text)
    shown, below = caught.value.picture.split("\n")
    assert shown == f"  {text}"
    assert below.index("^") >= 2 + caret


@pytest.mark.parametrize(
    "text", ["level=debug", "path=/health status=200", "NOT app=sshd", r"/a\/b/", "source:10.0.0.1"]
)
def test_a_drop_is_a_query(text):
    assert DROP.parse(text) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "an empty query would drop every line"),
        ("level=debug | count", "only a search takes a stage"),
        ("level>=banana", "banana is not a level"),
        ("app=x position=1:2", "a line has no position before it is stored"),
        ("(a", "never closed"),
    ],
)
def test_a_wrong_drop_is_told(text, sentence):
    with pytest.raises(WrongPartError, match=sentence):
        DROP.parse(text)


def test_without_masks_and_drops_there_is_no_filter():
    assert FilterOptions().is_empty
    assert not FilterOptions(mask=("/x/",)).is_empty
    assert not FilterOptions(drop=("x",)).is_empty
