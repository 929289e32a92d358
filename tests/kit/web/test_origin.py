"""Requests that pages of other sites send, told from all others by what browsers say."""

from __future__ import annotations

import pytest

from logsrv.kit.web.origin import foreign


def why(headers: dict[str, str], *, link: bool = False) -> str | None:
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return foreign(given.get, link=link)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:8080"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://a:1", "Host": "a:1"},
        {"Origin": "http://a", "Host": "A:80"},
        {"Origin": "https://a:443", "Host": "a"},
    ],
)
def test_programs_and_our_own_pages(headers: dict[str, str]) -> None:
    assert why(headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "null", "Host": "a"},
        {"Origin": "http://b", "Host": "a"},
        {"Origin": "http://a:2", "Host": "a:1"},
    ],
)
def test_pages_of_other_sites(headers: dict[str, str]) -> None:
    assert "another site" in (why(headers) or "")


def test_a_link_that_somebody_followed() -> None:
    headers = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert why(headers, link=True) is None and why(headers)
