"""What people may write as the value of an option, and what they are told if they may not."""

import os
from enum import Enum
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.options.kinds import (
    DAYS,
    DIRECTORY,
    DURATION,
    FLAG,
    INTEGER,
    NAME,
    NETWORK,
    PATH,
    SIZE,
    TEXT,
    Kind,
    choice,
    endpoint_kind,
    integer,
)


class Oversize(Enum):
    SPLIT = "split"
    CLOSE = "close"


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("1", 1), ("4096", 4096), ("64KiB", 65536), ("1.5GiB", 1610612736), ("0.1KiB", 102)],
)
def test_sizes_are_bytes_or_have_a_unit(text, bytes_):
    assert SIZE.parse(text) == bytes_


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("12XB", "not a size"),
        ("256MB", "not a size (did you mean 256MiB?)"),
        ("64k", "not a size (did you mean 64KiB?)"),
        ("0", "less than one byte"),
        ("0.0001KiB", "less than one byte"),
        ("-1", "not a size"),
        ("", "not a size"),
        ("٣", "not a size"),
        ("9000000TiB", "larger than any file can be"),
        ("1" * 5000, "not a size"),
    ],
)
def test_a_wrong_size_says_what_is_wrong(text, wrong):
    with pytest.raises(ValueError) as caught:
        SIZE.parse(text)
    assert str(caught.value) == wrong


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("250ms", 0.25), ("1.5h", 5400), ("1h30m", 5400), ("1d", 86400), ("0.5", 0.5)],
)
def test_durations_are_seconds_or_have_units(text, seconds):
    assert DURATION.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "1y", "-1s", "1e3", "inf", "nan", "s", "1 h"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ValueError):
        DURATION.parse(text)


def test_days_count_days_unless_a_unit_is_there():
    assert DAYS.parse("7") == 7
    assert DAYS.parse("36h") == 1.5


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1/128"),
    ],
)
def test_networks_are_cidr_or_one_address(text, network):
    assert NETWORK.parse(text) == ip_network(network)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("10.1.2.3/8", "has host bits set (did you mean 10.0.0.0/8?)"),
        ("2001:db8::1/32", "has host bits set (did you mean 2001:db8::/32?)"),
        ("10.0.0.0/255.0.0.0", "not a network"),
        ("10.0.0.0/33", "not a network"),
        ("fe80::1%eth0", "not a network"),
        ("localhost", "not a network"),
        ("10.0.0.256", "not a network"),
        ("", "not a network"),
    ],
)
def test_a_wrong_network_says_what_is_wrong(text, wrong):
    with pytest.raises(ValueError) as caught:
        NETWORK.parse(text)
    assert str(caught.value) == wrong


def test_whole_numbers_keep_to_their_bounds():
    assert integer(0, 7).parse("7") == 7
    assert integer(0, 7).accepted == "a whole number from 0 to 7"
    assert integer(1).accepted == "a whole number, 1 or more"
    assert integer(maximum=3).accepted == "a whole number, 3 or less"
    assert INTEGER.parse("-3") == -3
    for text in ("8", "-1", "x", "1.0", "1_000", "٣", "9" * 40):
        with pytest.raises(ValueError):
            integer(0, 7).parse(text)


def test_flags_take_the_usual_words():
    assert [FLAG.parse(text) for text in ("true", "Yes", "on", "1")] == [True] * 4
    assert [FLAG.parse(text) for text in ("false", "NO", "off", "0")] == [False] * 4
    with pytest.raises(ValueError):
        FLAG.parse("maybe")


def test_choices_are_words_or_an_enum_and_near_misses_are_named():
    assert choice(Oversize).parse("split") is Oversize.SPLIT
    assert choice("a", "b").parse("b") == "b"
    assert choice(Oversize).accepted == "split or close"
    with pytest.raises(ValueError, match=r"did you mean split\?"):
        choice(Oversize).parse("spilt")


def test_paths_become_absolute_under_a_directory_and_know_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/eve")
    assert PATH.locate(PATH.parse("logs"), Path("/srv")) == Path("/srv/logs")
    assert PATH.locate(PATH.parse("/logs"), Path("/srv")) == Path("/logs")
    assert PATH.parse("~/logs") == Path("/home/eve/logs")
    for text in ("", "a\0b"):
        with pytest.raises(ValueError):
            PATH.parse(text)


def test_text_that_is_not_utf8_is_refused():
    assert TEXT.parse("grüß dich\n") == "grüß dich\n"
    with pytest.raises(ValueError, match="not UTF-8"):
        TEXT.parse("\udcff")


@given(st.integers(1, 2**63 - 1))
def test_a_size_that_is_shown_can_be_typed_in_again(value):
    assert SIZE.parse(SIZE.show(value)) == value


@given(st.integers(1, 10**9).map(lambda milliseconds: milliseconds / 1000))
def test_a_time_that_is_shown_can_be_typed_in_again(value):
    assert DURATION.parse(DURATION.show(value)) == pytest.approx(value)
    assert DAYS.parse(DAYS.show(value)) == pytest.approx(value)


def test_an_author_can_make_a_kind():
    address: Kind[IPv4Address] = Kind(IPv4Address, "an IPv4 address", "ADDRESS")
    assert address.parse("192.0.2.1") == IPv4Address("192.0.2.1")
    assert address.show(IPv4Address("192.0.2.1")) == "192.0.2.1"


def test_an_endpoint_is_what_the_function_given_takes_and_is_made_absolute_by_another():
    located = endpoint_kind(str, locate=lambda text, directory: f"{directory}/{text}")
    assert located.locate(located.parse("unix:x"), Path("/srv")) == "/srv/unix:x"


def test_names_are_words_that_any_log_and_label_takes():
    assert NAME.parse("a.B_c-1") == "a.B_c-1"
    for text in ("", "-a", "a b", "a@b", "x" * 65, "a\n"):
        with pytest.raises(ValueError, match="not a name"):
            NAME.parse(text)


def test_a_directory_has_to_be_there(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "locked").mkdir(mode=0)
    for name in ("there", "link", ".", "there/..", str(tmp_path / "there")):
        assert DIRECTORY.locate(DIRECTORY.parse(name), tmp_path) == tmp_path / name
    for name, said in {
        "missing": "there is no directory with this name",
        "missing/inner": "there is no directory with this name",
        "dangling": "there is no directory with this name",
        "file": "not a directory",
        "file/inner": "not a directory",
        "loop": "Too many levels of symbolic links",
        "x" * 300: "File name too long",
    }.items():
        with pytest.raises(ValueError, match=said):
            DIRECTORY.locate(DIRECTORY.parse(name), tmp_path)
    if os.getuid():
        with pytest.raises(ValueError, match="no permission to read this directory"):
            DIRECTORY.locate(DIRECTORY.parse("locked"), tmp_path)
