"""All checks of a service: those that the kit has for every one, then its own."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoints.endpoint import Endpoint
from logsrv.kit.options.files import names_descriptor
from logsrv.kit.options.given import GivenFile, given_files, inline_secrets
from logsrv.kit.options.sources import read_document
from logsrv.kit.service.checks.certificates import check_certificates
from logsrv.kit.service.checks.clock import check_clock, is_synchronised
from logsrv.kit.service.checks.files import check_configuration, check_files
from logsrv.kit.service.checks.findings import Asked, Finding, Level, error, guarded, ok
from logsrv.kit.service.checks.held import runs_with
from logsrv.kit.service.checks.limits import check_open_files, surroundings
from logsrv.kit.service.checks.places import check_places
from logsrv.kit.text.words import counted

CONFIGURATION = "configuration"


class WantedPlace(Protocol):
    """A place where a service wants to listen, and the rules of who may connect."""

    @property
    def endpoint(self) -> Endpoint: ...
    @property
    def settings(self) -> Any: ...


class Checkable(Protocol):
    """A service that can be checked before it starts, as a `ListeningService` can."""

    settings: Any

    def all_wanted(self, settings: Any) -> Mapping[str, WantedPlace]: ...
    def at_work(self) -> int | None: ...
    def findings(self, asked: Asked) -> Iterable[Finding]: ...


def check_service(service: Checkable, plugin: str, asked: Asked) -> Iterator[Finding]:
    """Yield the findings about a service that was made and not started."""
    settings, user = service.settings, asked.user
    files = list(guarded("files", partial(_check_files, settings, asked)))
    places: list[WantedPlace] = []
    try:
        places = list(service.all_wanted(settings).values())
    except ConfigurationError as failure:
        # A file that is not as it should be is told once, by what is to be done with it.
        faulty = [one.subject for one in files if one.level is Level.ERROR]
        if not any(name in str(failure) for name in faulty):
            yield error(
                CONFIGURATION, str(failure), "mend it: places to listen at are checked then"
            )
    else:
        what = str(asked.file) if asked.file else "from the command line and defaults"
        yield ok(CONFIGURATION, f"{what}; it listens at {counted(len(places), 'place')}")
    yield from files
    around = surroundings(plugin, service.at_work(), is_me=user.is_me)
    endpoints = [place.endpoint for place in places]
    yield from check_files(_key_files(places), user)
    is_own = partial(runs_with, plugin=plugin, file=asked.file, words=asked.words)
    yield from check_places(endpoints, is_own, user, around)
    now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
    yield from guarded("certificates", partial(check_certificates, endpoints, user, now))
    rules = [place.settings for place in places if place.endpoint.kind == "stream"]
    if rules:
        yield from guarded("limits", partial(check_open_files, rules, around))
    yield from guarded("clock", partial(check_clock, time.time(), is_synchronised))
    yield from guarded(plugin, partial(service.findings, asked))


def _check_files(settings: Any, asked: Asked) -> Iterator[Finding]:
    if asked.file is not None:
        secrets = list(inline_secrets(type(settings), _document(asked.file)))
        yield from check_configuration(asked.file, secrets, asked.user)
    yield from check_files(given_files(settings), asked.user)


def _document(path: Path) -> dict[str, Any]:
    # A pipe has been read, and others cannot read it.
    return {} if names_descriptor(path) else read_document(path, CONFIGURATION)


def _key_files(places: Iterable[WantedPlace]) -> Iterator[GivenFile]:
    keys = dict.fromkeys(place.endpoint.argument("privateKey") for place in places)
    for key in keys:
        if key is not None:
            yield GivenFile("listen", Path(key), secret=True)
