"""Checks of targets by `logsrv check`: their certificates, and whether they can be used."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from functools import partial

from logsrv.kit.service.file_checks import check_certificate_file
from logsrv.kit.service.findings import CheckRequest, Finding, error, findings_or_error
from logsrv.linelog.ship.ship_settings import ShipOptions, ShipSettings
from logsrv.linelog.ship.targets.target_plugin import TargetSettings


def findings_of_targets(
    options: ShipOptions, asked: CheckRequest, now: datetime.datetime
) -> Iterator[Finding]:
    """Yield what is found of all targets. now: with a time zone."""
    files = {one.ship_cert: False for one in options.targets}
    files |= {one.ship_ca: True for one in options.targets}
    for file, authorities in files.items():
        if file is not None:
            yield from check_certificate_file(file, now, authorities=authorities)
    for target in options.targets:
        yield from findings_or_error(target.subject, partial(_check_target, target, asked))


def _check_target(target: ShipSettings, asked: CheckRequest) -> Iterator[Finding]:
    """Yield whether a target can be used, or that its plugin is missing."""
    if target.is_left_out:
        why = "is left out: no plugin that can be loaded has its scheme"
        yield error(target.subject, why, "mend the plugin")
    else:
        plugin = target.ship.plugin
        token = plugin.read_token(target.ship_token_file) if asked.reach else None
        settings = TargetSettings(
            name=target.label, url=target.ship, store="", tls=target.tls, token=token
        )
        yield from plugin.findings(target.subject, settings, asked)
