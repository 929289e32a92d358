"""All checks of a service: the kit's for every service, then the service's own."""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.options.files import names_descriptor
from logsrv.kit.options.given_files import GivenFile, given_files, inline_secret_keys
from logsrv.kit.options.sources import read_toml_file
from logsrv.kit.service.checks.certificates import check_certificates
from logsrv.kit.service.checks.files import check_files
from logsrv.kit.service.checks.findings import (
    CheckRequest,
    Finding,
    FindingLevel,
    error,
    findings_or_error,
    ok,
)
from logsrv.kit.service.checks.listening_places import check_places, running_plugin_pids
from logsrv.kit.text.words import counted

CONFIGURATION = "configuration"


def check_service(service: Any, plugin: str, asked: CheckRequest) -> Iterator[Finding]:
    """Yield the findings about a `ListeningService` that was made and not started."""
    user, file, pid = asked.user, asked.file, service.running_pid()
    endpoints: list[Endpoint] = []
    with user.acting():
        files = list(
            findings_or_error("files", partial(_check_settings_files, service.settings, asked))
        )
    try:
        endpoints = [one.endpoint for one in service.all_wanted_sites(service.settings).values()]
    except ConfigurationError as failure:
        # Not if it is about a file with a finding: that has the remedy, and once is enough.
        faulty = [one.subject for one in files if one.level is FindingLevel.ERROR]
        if not any(name in str(failure) for name in faulty):
            yield error(CONFIGURATION, str(failure), "mend it: places are checked then")
    else:
        what = str(file) if file else "from the command line and defaults"
        yield ok(CONFIGURATION, f"{what}; it listens at {counted(len(endpoints), 'place')}")
    yield from files
    yield from check_places(
        endpoints, user, running_plugin_pids(plugin, file) if pid is None else [pid]
    )
    with user.acting():
        keys = dict.fromkeys(endpoint.argument("privateKey") for endpoint in endpoints)
        yield from check_files([GivenFile("listen", Path(key), True) for key in keys if key], user)
        now = datetime.datetime.now(datetime.UTC)
        yield from findings_or_error("certificates", partial(check_certificates, endpoints, now))
        yield from findings_or_error(plugin, partial(service.findings, asked))


def _check_settings_files(settings: Any, asked: CheckRequest) -> Iterator[Finding]:
    file = asked.file
    # A pipe was read already, and cannot be read again.
    if file is not None and not names_descriptor(file):
        others_write = file.exists() and bool(file.stat().st_mode & stat.S_IWOTH)
        is_secret = others_write or (
            os.access(file, os.R_OK)
            and any(inline_secret_keys(type(settings), read_toml_file(file, CONFIGURATION)))
        )
        yield from check_files([GivenFile("config", file, is_secret)], asked.user)
    yield from check_files(given_files(settings), asked.user)
