"""The delivery of a message by command or webhook."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred

from logsrv.linelog.alerts import command, episode_message, message, webhook, webhook_bodies
from logsrv.linelog.alerts.alert_settings import (
    ALERTMANAGER_FORMAT,
    COMMAND_WAY,
    SLACK_FORMAT,
    AlertSettings,
)
from logsrv.linelog.alerts.episodes import EpisodeMessage
from logsrv.linelog.alerts.tally import MatchCount

AlertMessage: TypeAlias = MatchCount | EpisodeMessage
Deliver = Callable[[str, AlertSettings, AlertMessage], Deferred[None]]
"""Sends a message by one way; its Deferred fires when it has arrived, and fails with Undelivered."""


def make_deliver(reactor: Any, *, test: bool = False) -> Deliver:
    """Return a function that sends a message by command or webhook, with the settings of the alert.

    test: whether an operator tests the alert: the message says so, and there is only one attempt.
    """
    server = socket.gethostname()
    pauses = () if test else webhook.PAUSES

    def deliver(way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        if way == COMMAND_WAY:
            assert alert.alert_command is not None
            text, variables = _text_for_program(alert, sent, server, test=test)
            environment = command.variables_for_program(os.environ, alert.alert_variable)
            environment |= variables
            running = command.run_command(alert.alert_command, text, environment, reactor=reactor)
            return Deferred.fromCoroutine(running)
        assert alert.alert_webhook is not None
        body = _body_for_webhook(alert, sent, server, test=test)
        posting = webhook.post_message(alert.alert_webhook, body, reactor=reactor, pauses=pauses)
        return Deferred.fromCoroutine(posting)

    return deliver


def _text_for_program(
    alert: AlertSettings, sent: AlertMessage, server: str, *, test: bool
) -> tuple[bytes, dict[str, str]]:
    """Return the text of a message for a program, and its variables."""
    if isinstance(sent, EpisodeMessage):
        return (
            episode_message.message_as_text(alert, sent, server, test=test),
            episode_message.message_variables(alert, sent, server),
        )
    return (
        message.message_as_text(alert, sent, server, test=test),
        message.message_variables(alert, sent, server),
    )


def _body_for_webhook(
    alert: AlertSettings, sent: AlertMessage, server: str, *, test: bool
) -> bytes:
    """Return the body of a message in the format that the alert asks for."""
    if alert.alert_format == SLACK_FORMAT:
        text, _ = _text_for_program(alert, sent, server, test=test)
        return webhook_bodies.chat_body(text)
    if alert.alert_format == ALERTMANAGER_FORMAT:
        return webhook_bodies.alertmanager_body(alert, sent, server)
    if isinstance(sent, EpisodeMessage):
        return episode_message.message_as_json(alert, sent, server, test=test)
    return message.message_as_json(alert, sent, server, test=test)
