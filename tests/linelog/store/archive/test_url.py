"""The addresses of archives."""

from __future__ import annotations

import pytest

from logsrv.linelog.store.archive.url import archive_path, open_archive


def test_a_directory_is_named_by_its_path() -> None:
    assert archive_path("file:///srv/archive/") == "/srv/archive"
    assert open_archive("file:///srv/archive").place == "file:///srv/archive"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/srv/archive",
        "file:/srv",
        "file://srv/archive",
        "file:///srv/../etc",
        "file:///a?b",
        "file:///a%20b",
    ],
)
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="archive"):
        archive_path(text)
