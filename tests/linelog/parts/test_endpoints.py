"""Endpoints that a part declares: which may be served."""

import pytest
from twisted.internet.defer import succeed

from logsrv.linelog.parts.endpoints import PartEndpoint, RefusedRequest, read_time


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"),
    [
        (
            "PATCH",
            "/api/colours",
            None,
            "the method of an endpoint is one of GET, PUT, POST, DELETE",
        ),
        ("GET", "/colours", None, "is not a path such as /api/colours"),
        ("GET", "/api/Colours", None, "is not a path"),
        ("GET", "/api/colours/", None, "is not a path"),
        ("GET", "/api/{name}/colours", None, "is not a path"),
        ("GET", "/api", None, "is not a path"),
        ("PUT", "/api/colours/{name}", None, "has a body if its method is PUT or POST"),
        ("GET", "/api/colours", {}, "has a body if its method is PUT or POST"),
    ],
)
def test_an_endpoint_that_cannot_be_served_is_refused(method, path, body, sentence):
    with pytest.raises(ValueError, match=sentence):
        PartEndpoint(
            method=method, path=path, help="", body=body, answer=lambda asked: succeed(None)
        )


def test_a_refusal_has_a_status_a_sentence_and_perhaps_a_column():
    refusal = RefusedRequest(409, "there are too many", at=3)
    assert (refusal.status, str(refusal), refusal.at) == (409, "there are too many", 3)


def test_a_time_whose_plus_came_as_a_space_is_read():
    assert read_time("2026-11-20T06:00:00 01:00", 0) == "2026-11-20T05:00:00.000000Z"
    with pytest.raises(ValueError, match="is not a time"):
        read_time("never", 0)
