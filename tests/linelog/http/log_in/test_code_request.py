"""Only a person uses up a code: what browsers say of their requests tells a person from a preview."""

import pytest

from logsrv.linelog.http.log_in.code_request import OpenedBy, code_in_address, opened_by
from tests.parts.web_requests import requested

TYPED = {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


@pytest.mark.parametrize(
    ("headers", "by"),
    [
        (TYPED, OpenedBy.PERSON),
        (TYPED | {"Sec_Fetch_Site": "same-origin"}, OpenedBy.PERSON),
        (TYPED | {"Sec_Fetch_Site": "cross-site"}, OpenedBy.LINK_OF_ANOTHER_SITE),
        (TYPED | {"Sec_Fetch_Site": "same-site"}, OpenedBy.LINK_OF_ANOTHER_SITE),
        (TYPED | {"Sec_Purpose": "prefetch;prerender"}, OpenedBy.PREVIEW),
        (TYPED | {"Purpose": "prefetch"}, OpenedBy.PREVIEW),
        (TYPED | {"X_Purpose": "preview"}, OpenedBy.PREVIEW),
        (TYPED | {"X_Moz": "prefetch"}, OpenedBy.PREVIEW),
        (TYPED | {"Sec_Fetch_Dest": "iframe"}, OpenedBy.UNKNOWN),
        (TYPED | {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}, OpenedBy.UNKNOWN),
        ({}, OpenedBy.UNKNOWN),
        (TYPED | {"method": "HEAD"}, OpenedBy.UNKNOWN),
    ],
)
def test_who_has_opened_the_address(headers, by):
    assert opened_by(requested(**headers)) is by


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/login?code=a.b-c_d", "a.b-c_d"),
        ("/login?x=1&code=a", "a"),
        ("/login", ""),
        ("/login?code=", ""),
        ("/login?" + "a=1&" * 200 + "code=a", ""),
        ("/login?code=%ff%00", "\ufffd\0"),
    ],
)
def test_the_code_in_an_address(path, code):
    assert code_in_address(requested(path=path)) == code
