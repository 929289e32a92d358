"""The delivery of a message by command or webhook."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred

from logsrv.linelog.alerts.alert_settings import (
    ALERTMANAGER_FORMAT,
    COMMAND_WAY,
    SLACK_FORMAT,
    AlertSettings,
)
from logsrv.linelog.alerts.episodes import EpisodeMessage
from logsrv.linelog.alerts.message import message_of_episodes, message_of_lines
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.ways import command, webhook

AlertMessage: TypeAlias = MatchCount | EpisodeMessage
Deliver = Callable[[str, AlertSettings, AlertMessage], Deferred[None]]
"""Sends a message by one way; its Deferred fires when it has arrived, and fails with Undelivered."""


def make_deliver(reactor: Any, *, test: bool = False) -> Deliver:
    """Return a function that sends a message by command or webhook, with the settings of the alert.

    test: whether an operator tests the alert: the message says so.
    """
    server = socket.gethostname()

    def deliver(way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        if isinstance(sent, EpisodeMessage):
            message = message_of_episodes(alert, sent, server, test=test)
        else:
            message = message_of_lines(alert, sent, server, test=test)
        if way == COMMAND_WAY:
            assert alert.alert_command is not None
            environment = command.variables_for_program(os.environ, alert.alert_variable)
            environment |= message.variables
            text = message.text().encode()
            running = command.run_command(alert.alert_command, text, environment, reactor=reactor)
            return Deferred.fromCoroutine(running)
        assert alert.alert_webhook is not None
        if alert.alert_format == SLACK_FORMAT:
            body = webhook.chat_body(message)
        elif alert.alert_format == ALERTMANAGER_FORMAT:
            body = webhook.alertmanager_body(message, sent)
        else:
            body = message.json
        posting = webhook.post_message(alert.alert_webhook, body, reactor=reactor)
        return Deferred.fromCoroutine(posting)

    return deliver
