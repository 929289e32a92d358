"""Entries: what in a menu or a text can be new, by what it is recognised, and the date that is in it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.follow.entries import (
    address_of_entry,
    date_in,
    entry_key,
    menu_entries,
    text_entries,
    without_date,
)
from logsrv.gopher.wire.menu import MenuParser
from logsrv.gopher.wire.url import GopherURL

MENU = GopherURL.parse("gopher://h.org/1/phlog")
TEXT = GopherURL.parse("gopher://h.org/0/log.txt")
TODAY = date(2026, 11, 21)


def of_menu(content: bytes, menu: GopherURL = MENU) -> list[tuple[str, str]]:
    parser = MenuParser()
    items = parser.feed(content) + parser.finish()
    return [(entry.id, entry.title) for entry in menu_entries(menu, items, None)]


def of_text(text: str) -> list[tuple[str, str]]:
    return [(entry.id, entry.title) for entry in text_entries(TEXT, text.encode(), TODAY)]


def test_items_that_can_be_opened_are_entries():
    assert of_menu(
        b"iWelcome\t\tnull\t1\r\n"
        b"0First\t/phlog/1\r\n"
        b"1Elsewhere\t/x\tother.org\t7070\r\n"
        b"hWeb\tURL:https://web.example/#top\th.org\t70\r\n"
        b"hUmlaut\tURL:https://web.example/\xc3\xa4\th.org\t70\r\n"
        b"hScript\tURL:javascript:alert(1)\th.org\t70\r\n"
        b"hGopher\tURL:gopher://h.org:70/0/a#b\th.org\t70\r\n"
        b"3broken\t\terror\t1\r\n"
        b"8Session\tguest\tother.org\t23\r\n"
        b"0Port\t/y\th.org\t99999\r\n"
        b"0\t/phlog/2\r\n"
    ) == [
        ("gopher://h.org/0/phlog/1", "First"),
        ("gopher://other.org:7070/1/x", "Elsewhere"),
        ("https://web.example/#top", "Web"),
        ("https://web.example/%C3%A4", "Umlaut"),
        ("gopher://h.org/0/a%23b", "Gopher"),
        ("gopher://h.org/0/phlog/2", "gopher://h.org/0/phlog/2"),
    ]


def test_an_item_that_stands_there_twice_is_one_entry_and_its_title_is_safe():
    twice = of_menu(b"0  a \x1b[2J \xe2\x80\xae b\t/x\r\n0again\t/x\r\n")
    assert twice == [("gopher://h.org/0/x", "a \\x1b[2J \\u202e b")]


def test_type_selector_host_and_port_make_another_entry():
    lines = b"0a\t/x\n1a\t/x\n0a\t/y\n0a\t/x\to.org\n0a\t/x\to.org\t71\n"
    assert len({entry_key(id) for id, _ in of_menu(lines)}) == 5


def test_an_entry_is_the_same_inside_tls():
    inside = of_menu(b"0a\t/x\n", MENU.replace(tls=True))
    assert inside[0][0] == "gophers://h.org/0/x"
    assert entry_key(inside[0][0]) == entry_key("gopher://h.org/0/x")


def test_the_dated_lines_of_a_text_are_entries_that_lead_to_it():
    text = "My log\n\n== 2026-11-20: About   trains ==\nIt was late.\n\n2026-11-19\nRain.\n"
    found = of_text(text)
    assert [title for _, title in found] == ["2026-11-20: About trains", "2026-11-19"]
    assert {address_of_entry(id) for id, _ in found} == {str(TEXT)}
    # More before it, or other decoration, changes nothing.
    assert of_text("2026-11-21 New\n* 2026-11-20: About trains\n2026-11-19")[1:] == found


def test_the_addresses_in_a_text_are_entries():
    assert of_text(
        "2026-11-20 Trains: gopher://h.org/0/trains.txt.\n"
        "2026-11-19 Rain\n  gopher://h.org/0/rain.txt\n"
        "gophers://x.org/1\n"
        "<gopher://bad host/> and gopher://[/\n"
    ) == [
        ("gopher://h.org/0/trains.txt", "2026-11-20 Trains"),
        ("gopher://h.org/0/rain.txt", "2026-11-19 Rain"),
        ("gophers://x.org/", "gophers://x.org/"),
        ("gopher://bad/", "< host/> and gopher://[/"),
    ]


def test_a_text_without_dates_is_one_entry_that_changes_with_it():
    first, second = of_text("\n# Notes\nabc\n"), of_text("\n# Notes\nabcd\n")
    assert [title for _, title in first + second] == ["Notes", "Notes"]
    assert first[0][0] != second[0][0] and address_of_entry(first[0][0]) == str(TEXT)
    assert of_text("\n \n") == []


# The latest there can be: the clock of a server may be in another time zone.
TOMORROW = date(2026, 11, 22)
THE_20TH = date(2026, 11, 20)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20",
        "2026-11-20 a title",
        "[2026/11/20] a title",
        "a title (2026.11.20)",
        "20261120",
        "/phlog/20261120-title.txt",
        "/phlog/2026/11/20/title",
        "20261120T1830",
        "202611201830 title",
        "02026-11-20_Title",
        "Nov 20 2026",
        "Title. Nov. 20, 2026",
        "November 20th, 2026: title",
        "20 Nov 2026",
        "20-Nov-2026",
        "20. November 2026",
        "20th NOV, 2026",
        "a.txt  2026-Nov-20 14:33    1.2 KB",
        "20.11.2026",
        "No. 2026-13-45, of 2026-11-20",
    ],
)
def test_dates_as_phlogs_write_them(text):
    assert date_in(text, TODAY) == THE_20TH


@pytest.mark.parametrize(
    "text",
    [
        "",
        "11/12/2026",  # in November, or in December
        "2026-11",
        "2026-02-30",
        "2026-11-23",  # to come
        "1066-10-14",
        "1989-12-31",
        "12026112099",
        "Marker 20 2026",
        "ISBN 978-2026112012",
        "2026-11/20",
        "2.0.2026",
        "\u0662\u0660\u0662\u0666-11-20",
    ],
)
def test_what_is_no_date(text):
    assert date_in(text, TODAY) is None


@given(st.dates(date(1990, 1, 1), TOMORROW), st.sampled_from(("%Y-%m-%d", "%Y%m%d", "%b %d %Y")))
def test_every_day_is_found_in_every_form(day, form):
    assert date_in(f"x {day.strftime(form)} y", TODAY) == day


@pytest.mark.parametrize(
    ("title", "rest"),
    [
        ("2026-11-20 About trains", "About trains"),
        ("[20261120] - About trains", "About trains"),
        ("Nov 20, 2026: About trains", "About trains"),
        ("2026-11-20", "2026-11-20"),
        ("2026-13-20 About", "2026-13-20 About"),
        ("Trains of 2026-11-20", "Trains of 2026-11-20"),
        ("", ""),
    ],
)
def test_a_title_beside_its_date_need_not_say_it_again(title, rest):
    assert without_date(title) == rest
