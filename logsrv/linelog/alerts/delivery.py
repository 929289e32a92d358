"""The delivery of a message by command or webhook."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from logsrv.linelog.alerts import command, message, webhook
from logsrv.linelog.alerts.alert_settings import COMMAND_WAY, AlertSettings
from logsrv.linelog.alerts.tally import MatchCount

Deliver = Callable[[str, AlertSettings, MatchCount], Deferred[None]]
"""Sends a message by one way; its Deferred fires when it has arrived, and fails with Undelivered."""


def make_deliver(reactor: Any, *, test: bool = False) -> Deliver:
    """Return a function that sends a message by command or webhook, with the settings of the alert.

    test: whether an operator tests the alert: the message says so, and there is only one attempt.
    """
    server = socket.gethostname()
    pauses = () if test else webhook.PAUSES

    def deliver(way: str, alert: AlertSettings, counted: MatchCount) -> Deferred[None]:
        if way == COMMAND_WAY:
            assert alert.alert_command is not None
            text = message.message_as_text(alert, counted, server, test=test)
            environment = command.variables_for_program(os.environ, alert.alert_variable)
            environment |= message.message_variables(alert, counted, server)
            running = command.run_command(alert.alert_command, text, environment, reactor=reactor)
            return Deferred.fromCoroutine(running)
        assert alert.alert_webhook is not None
        body = message.message_as_json(alert, counted, server, test=test)
        posting = webhook.post_message(alert.alert_webhook, body, reactor=reactor, pauses=pauses)
        return Deferred.fromCoroutine(posting)

    return deliver
