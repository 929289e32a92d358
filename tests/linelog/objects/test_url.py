"""The URLs of directories and buckets."""

import pytest

from logsrv.linelog.objects.url import parse_archive_url


def test_a_directory_is_named_by_its_path():
    assert parse_archive_url("file:///srv/archive/").path == "/srv/archive"


def test_a_bucket_has_a_prefix_and_options():
    url = parse_archive_url(
        "s3://logs/of/edges/?endpoint=http://[::1]:9000&region=eu-central-1&key-file=/etc/s3&ca=/ca.pem"
    )
    assert (url.bucket, url.path) == ("logs", "/of/edges")
    assert url.options["endpoint"] == "http://[::1]:9000"
    assert url.address == "s3://logs/of/edges"
    assert parse_archive_url("gs://logs").address == "gs://logs"


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
        "http://logs/archive",
    ],
)
def test_other_urls_are_no_archive(text):
    with pytest.raises(ValueError, match="archive"):
        parse_archive_url(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s3:///archive", "names no bucket"),
        ("s3://key:secret@logs/archive", "names no bucket"),
        ("s3://logs/a//b", "between slashes"),
        ("s3://logs/a%2fb", "between slashes"),
        ("s3://logs/../b", "between slashes"),
        ("s3://logs/a#b", "between slashes"),
        ("s3://logs?secret=x", "only these options are allowed: endpoint, region, key-file, ca"),
        ("gs://logs?region=x", "allowed: ca$"),
        ("s3://logs?endpoint=s3.example.org", "such as https://s3.example.org:9000"),
        ("s3://logs?endpoint=https://a@b", "such as https://s3.example.org:9000"),
        ("s3://logs?region=a/b", "such as eu-central-1"),
    ],
)
def test_buckets_that_make_no_sense_are_refused(text, why):
    with pytest.raises(ValueError, match=why):
        parse_archive_url(text)
