"""The page says who reads, and offers nothing that this reader may not do."""

import pytest

from tests.linelog.http.page.fake import Logs

pytestmark = pytest.mark.long
FOOT = "document.querySelector('#reader').textContent"


@pytest.fixture
def restricted(logs: Logs) -> Logs:
    """A reader who sees only some lines, and changes nothing."""
    logs.reader = {"name": "shop", "may": ["read"], "only": "app=web", "log_out": True}
    logs.saved = [{"name": "errors", "q": "level>=error"}]
    logs.boards = {"shop": {"panels": [{"search": "errors", "as": "table"}]}}
    return logs


def test_the_foot_names_the_reader_and_its_lines(restricted, visit):
    page = visit("")
    page.wait(f"{FOOT}.includes('shop · only app=web')")
    assert page.text("#reader button") == "Log out"
    assert "/metrics" not in restricted.asked


def test_without_a_name_nothing_is_said(logs, visit):
    page = visit("")
    page.wait("document.querySelector('#store').textContent")
    assert page.run(FOOT) == "" and "/metrics" in logs.asked


def test_saved_searches_of_all_are_not_changed_by_who_may_not(restricted, visit):
    page = visit("")
    page.click("#saved-button")
    page.wait("document.querySelectorAll('#saved-list li').length === 1")
    assert page.run("document.querySelectorAll('#saved-list button').length") == 1
    assert page.run("document.querySelector('#saved-choice').hidden")
    assert not page.run("document.querySelector('#boards-link').hidden")


def test_boards_are_shown_and_not_changed(restricted, visit):
    page = visit("board", ready="document.querySelectorAll('#board-list li').length === 1")
    assert page.text("#board-note") == "this reader may not change saved searches"
    assert page.run("document.querySelectorAll('#board-list button').length") == 0
    assert page.run("document.querySelector('#new-board').hidden")


def test_a_long_condition_leaves_room_on_a_phone(restricted, visit):
    restricted.reader["only"] = "hostname in (a-very-long-name, another-very-long-name)"
    page = visit("", width=375, height=700)
    page.wait(f"{FOOT}.includes('another')")
    assert page.run("document.documentElement.scrollWidth") == 375
    right = "document.querySelector('#reader button').getBoundingClientRect().right"
    assert 0 < page.run(right) <= 375
