"""An alert with a condition at a real daemon, over a kill and with a silence."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.cli.command import logsrv
from tests.end_to_end.conftest import Start
from tests.end_to_end.test_alerts import processes
from tests.linelog.alerts.hooks import Hook, hook


def told(web: Hook) -> list[tuple[str, str]]:
    """The states and apps of all groups that were posted."""
    return [
        (group["state"], group["labels"]["app"])
        for _, _, body in web.posts
        for group in body["groups"]
    ]


@pytest.mark.slow
def test_a_condition_fires_once_over_a_kill_is_resolved_and_can_be_silenced(
    logger: Start, tmp_path: Path
) -> None:
    with hook() as web:
        (tmp_path / "c.toml").write_text(
            f'directory = "{tmp_path}/store"\nalert-every = "1h"\n'
            f'alert-webhook = "http://127.0.0.1:{web.port}/"\n'
            '[[alerts]]\nname = "web"\nalert = "status>=500 | count > 3 in 4s by app"\n'
            '[[alerts]]\nname = "lost"\nalert = "status=404 | count > 3 in 1m by app"\n'
        )
        config = ("--config", str(tmp_path / "c.toml"))
        server = logger(*config)
        processes(server, 1)
        assert logsrv("alert", *config, "--silence", "lost", "--for", "10s").returncode == 0
        server.send(b"app=shop status=503\napp=pay status=404\n" * 4 + b"app=pay status=503\n" * 3)
        wait_until(lambda: web.posts, "the message")
        server.stop(signal.SIGKILL)
        server = logger(*config)
        processes(server, 1)
        wait_until(lambda: len(told(web)) > 2, "the end of the episode, and of the silence")
        assert told(web) in (
            [("firing", "shop"), ("resolved", "shop"), ("firing", "pay")],
            [("firing", "shop"), ("firing", "pay"), ("resolved", "shop")],
        )
        history = logsrv("alert", *config, "--since", "10m")
        assert history.stdout.count(b" would have fired once since ") == 2
        assert "Traceback" not in server.log()
