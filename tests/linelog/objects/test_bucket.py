"""Objects in a bucket, against a server of S3 on a real socket that is also slow, busy, or wrong."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("obstore")

from logsrv.linelog.objects import bucket
from logsrv.linelog.objects.bucket import BucketArchive
from logsrv.linelog.objects.interface import Archive, ArchiveError, ObjectExists, ObjectMissing
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.objects.url import parse_archive_url
from tests.parts.bucket_server import (
    BUCKET,
    KEYS,
    Answer,
    BucketServer,
    error,
    running,
    set_keys,
)
from tests.parts.certificates import Authority
from tests.parts.ports import free_port
from tests.parts.strangers import endless, stranger


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    set_keys(monkeypatch)
    with running() as one:
        yield one


def test_an_object_is_made_once_and_read_in_parts(server):
    archive = open_archive(server.url())
    archive.create("a/one", [b"one ", b"two ", b"three"])
    assert server.objects == {"archive/a/one": b"one two three"}
    with pytest.raises(ObjectExists, match="has a/one already"):
        archive.create("a/one", [b"other"])
    assert archive.read("a/one") == b"one two three"
    assert archive.read("a/one", 4, 3) == b"two"
    assert archive.read("a/one", 8) == b"three"
    assert archive.read("a/one", 8, 100) == b"three"
    assert archive.read("a/one", 13, 1) == archive.read("a/one", 3, 0) == b""
    with pytest.raises(ObjectMissing, match="has no a/two"):
        archive.read("a/two")
    archive.remove("a/one")
    archive.remove("a/one")
    assert server.objects == {}


def test_objects_are_listed_page_by_page(server):
    server.objects.update({f"archive/a/{number:04d}": b"" for number in range(1100)})
    server.objects.update({"archive/b/one": b"", "other/c/one": b"", "archive/top": b""})
    archive = open_archive(server.url())
    assert len(archive.names("a/")) == 1100
    assert archive.names("a/", "a/1097") == ["a/1098", "a/1099"]
    assert archive.names("b/") == ["b/one"]
    assert archive.names("c/") == []
    assert sorted(archive.top_folders()) == ["a", "b"]


def test_a_list_without_an_end_is_left(server, monkeypatch):
    """It has the same names again and again, so what is kept of it does not grow."""
    monkeypatch.setattr(bucket, "LISTED", 1 << 20)
    names = "".join(
        f"<Contents><Key>archive/a/{number:04d}</Key><Size>1</Size>"
        "<LastModified>2026-11-20T06:18:42.000Z</LastModified></Contents>"
        for number in range(1000)
    )
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken>"
    page = Answer(200, f"<ListBucketResult>{more}{names}</ListBucketResult>".encode())
    server.faults = [lambda _: page if len(server.asked) < 100 else error(500, "Enough")]
    with pytest.raises(ArchiveError, match="its list of names does not end"):
        open_archive(server.url()).sizes("a/")


@pytest.mark.slow
@pytest.mark.parametrize("call", ["names", "top_folders"])
def test_a_list_of_empty_pages_is_left_in_time(server, monkeypatch, call):
    """obstore asks for the next one for ever, and nothing was shipped any more until a restart."""
    monkeypatch.setattr(bucket, "LONGEST", 0.3)
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken>"
    page = Answer(200, f"<ListBucketResult>{more}</ListBucketResult>".encode())
    server.faults = [lambda _: page if len(server.asked) < 10_000 else error(500, "Enough")]
    archive = open_archive(server.url())
    with pytest.raises(ArchiveError, match="its list of names does not end"):
        getattr(archive, call)()
    server.faults = []
    server.objects["archive/a/one"] = b""
    monkeypatch.undo()
    assert archive.names("a/") == ["a/one"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the memory that is there")
@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("names('a/')", 200),
        ("top_folders()", 200),
        ("read('a')", 404),
        ("read('a', 5, 9)", 403),
        ("create('a', [b'x'])", 400),
    ],
)
def test_a_page_or_an_error_without_an_end_takes_bounded_memory(call, status):
    """obstore reads it whole, so it ends the process: a service starts its child again."""
    element = b"<ListBucketResult>" if status == 200 else b"<Error>"
    head = b"HTTP/1.1 %d Said\r\nConnection: close\r\n\r\n%b" % (status, element)
    with stranger(endless(bytes(1 << 16), head)) as far_side:
        url = f"s3://{BUCKET}/archive?endpoint={far_side.url}&region=eu-central-1"
        script = f"from {open_archive.__module__} import open_archive; open_archive({url!r}).{call}"
        with subprocess.Popen(
            [sys.executable, "-c", script], env={**os.environ, **KEYS}, stderr=subprocess.PIPE
        ) as process:
            assert process.stderr is not None
            assert b"memory allocation" in process.stderr.read()
        # It has kept all of that.
        assert far_side.said < 400 << 20


def test_no_more_is_read_of_an_object_than_was_asked_for(monkeypatch):
    set_keys(monkeypatch)
    head = (
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/10\r\nETag: x\r\n"
        b"Last-Modified: Fri, 20 Nov 2026 06:18:42 GMT\r\nContent-Length: 1000000000000\r\n\r\n"
    )
    with stranger(endless(bytes(1 << 16), head)) as far_side:
        url = f"s3://{BUCKET}/archive?endpoint={far_side.url}&region=eu-central-1"
        assert open_archive(url).read("a/one", 0, 10) == bytes(10)
        assert far_side.said < 64 << 20


def test_requests_are_signed_and_objects_made_only_if_there_is_none(server):
    open_archive(server.url()).create("a/one", [b"one"])
    [asked] = server.asked
    assert asked.headers["if-none-match"] == "*"
    assert "Credential=AKEXAMPLE/" in asked.headers["authorization"]
    assert "/eu-central-1/s3/" in asked.headers["authorization"]


@pytest.mark.parametrize("where", ["option", "url"])
def test_keys_come_from_a_file_as_well(server, tmp_path, where):
    (tmp_path / "keys").write_text("FILEKEY filesecret\n")
    if where == "url":
        archive = open_archive(f"{server.url()}&key-file={tmp_path}/keys")
    else:
        archive = open_archive(server.url(), "FILEKEY filesecret")
    archive.create("a/one", [b"one"])
    assert "Credential=FILEKEY/" in server.asked[0].headers["authorization"]


@pytest.mark.parametrize("answer", [error(503, "SlowDown"), error(429, "TooManyRequests")])
def test_a_busy_server_is_asked_again(server, answer):
    archive = open_archive(server.url())
    left = [answer] * 3
    server.faults = [lambda _: left.pop() if left else None]
    archive.create("a/one", [b"one"])
    assert len(server.asked) == 4 and server.objects == {"archive/a/one": b"one"}


WRONG = [
    (error(403, "AccessDenied"), "the key may not do this here .AccessDenied"),
    (error(403, "InvalidAccessKeyId"), "the key is wrong"),
    (error(403, "SignatureDoesNotMatch"), "the key is wrong"),
    (error(403, "RequestTimeTooSkewed"), "the clock of this machine or of the server is wrong"),
    (error(404, "NoSuchBucket"), "there is no bucket logs"),
    (error(301, "PermanentRedirect"), r"in another region: say which by \?region=NAME"),
    (
        error(400, "AuthorizationHeaderMalformed", "the region is wrong; expecting 'eu-west-1'"),
        r"in another region: say which by \?region=eu-west-1",
    ),
]


@pytest.mark.parametrize(("answer", "sentence"), WRONG)
def test_a_settled_error_has_a_message(server, answer, sentence):
    archive = open_archive(server.url())
    server.faults = [lambda _: answer]
    for ask in (
        lambda: archive.read("a/one", 0, 5),
        lambda: archive.names("a/"),
        lambda: archive.top_folders(),
        lambda: archive.create("a/one", [b"one"]),
        lambda: archive.remove("a/one"),
    ):
        with pytest.raises(ArchiveError, match=sentence) as found:
            ask()
        assert found.value.settled
        assert "\n" not in str(found.value)


def test_a_server_that_goes_on_refusing_is_tried_later(server, monkeypatch):
    monkeypatch.setitem(_retries(), "max_retries", 1)
    server.faults = [lambda _: error(503, "SlowDown")]
    with pytest.raises(ArchiveError, match=r"fewer requests \(503 SlowDown\)") as found:
        open_archive(server.url()).read("a/one")
    assert not found.value.settled


def test_a_server_that_is_not_there_is_tried_later(server, monkeypatch):
    monkeypatch.setitem(_retries(), "max_retries", 0)
    url = server.url().replace(server.endpoint, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ArchiveError, match=r"Connection refused") as found:
        open_archive(url).read("a/one")
    assert not found.value.settled


def test_without_keys_the_error_says_where_they_may_be(server, monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(name)
    # In the place of the one in each machine of Amazon.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", server.endpoint)
    server.faults = [lambda asked: error(404, "NotFound") if "latest" in asked.key else None]
    with pytest.raises(ArchiveError, match=r"there are no keys: set AWS_ACCESS_KEY_ID") as found:
        open_archive(server.url()).read("a/one")
    assert found.value.settled


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "No such file"), ("one", "KEY SECRET"), ("one two three", "KEY SECRET")],
)
def test_files_with_keys_that_are_wrong_are_named(server, tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "keys").write_text(content)
    with pytest.raises(ArchiveError, match=sentence) as found:
        open_archive(f"{server.url()}&key-file={tmp_path}/keys").read("a/one")
    assert found.value.settled and "two" not in str(found.value)


def test_a_wrong_ca_is_named(server, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in ("ca.pem", "none.pem"):
        with pytest.raises(ArchiveError) as found:
            open_archive(f"{server.url()}&ca={tmp_path}/{path}").read("a/one")
        assert found.value.settled


def test_certificates_are_those_of_an_authority_that_is_named(server, tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    with running(authority.server_context("localhost")) as secure:
        url = secure.url().replace("127.0.0.1", "localhost")
        for archive in (
            open_archive(f"{url}&ca={authority.cafile}"),
            open_archive(url, ca=Path(authority.cafile)),
        ):
            archive.remove("a/one")
            archive.create("a/one", [b"one"])
            assert archive.read("a/one") == b"one"
        monkeypatch.setitem(_retries(), "max_retries", 0)
        with pytest.raises(ArchiveError, match=r"not trusted \(UnknownIssuer\)") as found:
            open_archive(url).read("a/one")
        assert found.value.settled


def test_a_process_that_was_forked_does_not_wait_for_ever(server):
    archive = open_archive(server.url())
    archive.create("a/one", [b"one"])
    read, write = os.pipe()
    process = os.fork()
    if not process:
        try:
            archive.read("a/one")
        except ArchiveError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 1000).endswith(b"search again")
    os.close(read)
    assert os.waitpid(process, 0) == (process, 0)


@pytest.mark.parametrize("url", ["gs://logs/archive", "az://logs/archive"])
def test_other_clouds_have_their_addresses(url):
    """Nothing else of them was tried."""
    assert BucketArchive(parse_archive_url(url)).address == url


def _retries() -> dict[str, object]:
    from logsrv.linelog.objects import bucket

    retries: dict[str, object] = bucket.RETRIES
    return retries


def test_an_archive_of_a_bucket_is_one(server):
    archive: Archive = BucketArchive(parse_archive_url(server.url()))
    assert archive.address == "s3://logs/archive"
