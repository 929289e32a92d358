"""Checks of targets: whom lines go to."""

import asyncio

import pytest

from logsrv.kit.service.findings import CheckRequest, FindingLevel, current_user
from logsrv.kit.testing import self_signed_certificate
from logsrv.linelog.formats.nats.link import NatsLink
from tests.parts.commands import echo, serving
from tests.parts.logger_services import findings
from tests.parts.nats_servers import newer, one_server, url_of
from tests.parts.users import as_root, follow, nobody, open_directory

REACHING = CheckRequest(current_user(), reach=True)


def test_targets_are_not_contacted_unless_asked_for(tmp_path):
    with serving(echo) as port:
        text = f'ship = ["relp://127.0.0.1:{port}"]'
        [found] = findings(tmp_path, text)
        assert found.level is FindingLevel.OK
        assert found.sentence == f"is at 127.0.0.1:{port} (not contacted; --reach tries)"
        [found] = findings(tmp_path, text, REACHING)
        assert (found.level, found.sentence) == (FindingLevel.OK, f"127.0.0.1:{port} answers")
    [found] = findings(tmp_path, text, REACHING)
    assert found.level is FindingLevel.ERROR
    assert found.sentence == f"127.0.0.1:{port} cannot be reached: connection refused"


@pytest.mark.parametrize(
    ("config", "level", "why"),
    [
        (None, FindingLevel.OK, "there is no stream LOGS yet; it is made with at most 10.0 GiB"),
        ({}, FindingLevel.WARNING, "the stream LOGS has no limits"),
        ({"max_age": 10**9, "duplicate_window": 10**9}, FindingLevel.OK, "above 1s it drops"),
        ({"max_bytes": 8 << 20}, FindingLevel.OK, "above 8.0 MiB it drops the oldest"),
        (
            {"max_bytes": 8 << 20, "discard": "new"},
            FindingLevel.OK,
            "when it has 8.0 MiB, lines wait",
        ),
        ({"subjects": ["else.*"]}, FindingLevel.ERROR, "does not take the subject logs"),
        ({"retention": "workqueue"}, FindingLevel.ERROR, "removes messages once they are read"),
        ({"max_msgs": 100}, FindingLevel.OK, "the stream LOGS: exactly once"),
    ],
)
def test_the_limits_of_a_stream_are_looked_at(tmp_path, config, level, why):
    with one_server(newer(), tmp_path) as server:
        if config is not None:
            made: dict[str, object] = {"name": "LOGS", "subjects": ["logs.*"], **config}
            asyncio.run(ask_jetstream(server.port, "STREAM.CREATE.LOGS", made))
        reached, found = findings(tmp_path, f'ship = ["{url_of([server])}"]', REACHING)
    assert reached.level is FindingLevel.OK
    assert (found.level, why in found.sentence) == (level, True), found.sentence


async def ask_jetstream(port: int, what: str, order: dict[str, object]) -> None:
    link = NatsLink([("127.0.0.1", port)], {}, None)
    await link.connect_if_needed()
    await link.ask_jetstream(what, order)
    await link.close()


def test_a_bucket_is_not_contacted_and_a_missing_archive_is_a_warning(tmp_path):
    text = f'ship = ["s3://logs/edge", "file://{tmp_path}/archive"]'
    bucket, archive = findings(tmp_path, text, REACHING)
    assert "never contacted" in bucket.sentence and bucket.level is FindingLevel.OK
    assert archive.level is FindingLevel.WARNING and archive.sentence == "is not there"
    assert archive.advice == f"mount a disk there, or mkdir {tmp_path}/archive"
    assert not (tmp_path / "archive").exists()


@as_root
def test_an_archive_that_the_user_may_not_write_is_an_error():
    with open_directory() as directory:
        text = f'ship = ["file://{directory}/archive"]'
        [found] = findings(directory, text, CheckRequest(nobody()))
        assert (
            found.level is FindingLevel.ERROR and "made or written by user nobody" in found.sentence
        )
        follow(found.advice)
        [found] = findings(directory, text, CheckRequest(nobody()))
        assert found.level is FindingLevel.OK


def test_certificates_of_targets_are_checked(tmp_path):
    self_signed_certificate(tmp_path)
    text = f'ship = ["https://localhost:9/blocks"]\nship-ca = "{tmp_path}/cert.pem"\n'
    certificate, *_ = findings(tmp_path, text)
    assert certificate.subject == f"{tmp_path}/cert.pem" and "localhost" in certificate.sentence
    found = findings(tmp_path, text, REACHING)
    assert [one.level for one in found[1:]] == [FindingLevel.ERROR]
