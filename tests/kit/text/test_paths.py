"""Whatever a stranger calls a file, it lands in its directory under a name that does no harm."""

from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.escape import one_line
from logsrv.kit.text.paths import LONGEST_NAME, checked_name, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        (b"hello.txt", "hello.txt"),
        (b"a file.txt", "a file.txt"),
        ("café.txt".encode(), "café.txt"),
        (b"caf\xe9.txt", "caf=E9.txt"),
        (b"..", "=2E=2E"),
        (b".", "=2E"),
        (b"", "="),
        (b".bashrc", "=2Ebashrc"),
        (b"-rf", "=2Drf"),
        (b"~root", "=7Eroot"),
        (b"a/../b", "a=2F..=2Fb"),
        (b"a\\b", "a=5Cb"),
        (b"a\0b\x1b]0;x\a", "a=00b=1B]0;x=07"),
        ("a\u202egnp.exe".encode(), "a=E2=80=AEgnp.exe"),
        (b"what?x=1", "what=3Fx=1"),
        (b"ends. ", "ends.=20"),
        (b"NUL", "=4EUL"),
        (b"con.txt", "=63on.txt"),
        (b"console", "console"),
        (b"com1", "=63om1"),
    ],
)
def test_names_stay_as_they_are_where_that_is_safe(name, safe):
    assert safe_name(name) == safe


def test_long_names_keep_their_ending_and_stay_different():
    first, second = (safe_name(b"x" * 300 + end + b".tar") for end in (b"1", b"2"))
    assert first != second
    assert first.endswith(".tar")
    assert len(first) == len(second) == LONGEST_NAME
    assert len(safe_name("€".encode() * 100).encode()) <= LONGEST_NAME


@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda t: t.encode("utf-8"))))
def test_every_name_stays_inside_and_is_harmless(name):
    safe = safe_name(name)
    assert Path("/d", checked_name(safe)).parent == Path("/d")
    assert PureWindowsPath("C:/d", safe).parent == PureWindowsPath("C:/d")
    assert 0 < len(safe.encode()) <= LONGEST_NAME
    assert safe == one_line(safe)
    assert safe[0] not in ".-~ " and safe[-1] not in ". "


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".x", "a/b", "a\\b", "a\0b", "x" * 256, "€" * 86, "/etc"]
)
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(ValueError, match="not a name for a file"):
        checked_name(name)
    assert checked_name("x") == "x"


@pytest.mark.parametrize("name", [b"icon.gif", b"beacon", b"disc\xffcon", b"console.txt"])
def test_the_name_of_a_device_inside_of_another_name_is_none(name):
    assert safe_name(name) == name.replace(b"\xff", b"=FF").decode()
