"""Cautions: what an operator is told of settings that hold, and may be a mistake."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import Logger

from logsrv.kit.net.guard.open_files import FileLimit, most_connections, too_many
from logsrv.kit.options.given import given_files
from logsrv.kit.options.secrets import exposed
from logsrv.kit.service.sites.served import ServedSites

log = Logger()


class Cautions:
    """The cautions of one service, at its start and at each reload."""

    def __init__(self, name: str, sites: ServedSites) -> None:
        self._name = name
        self._sites = sites
        self._exposed: set[Path] = set()

    def tell(self, settings: object) -> None:
        """Say so if more connections may come than there can be open files, or a secret is everybody's."""
        policies = [each.policy for each in self._sites if each.endpoint.kind == "stream"]
        sentence = too_many(most_connections(policies), FileLimit.now())
        if sentence is not None:
            log.warn("{name}: {sentence}", name=self._name, sentence=sentence)
        keys = [each.endpoint.argument("privateKey") for each in self._sites]
        files = [one.path for one in given_files(settings) if one.secret]
        for path in [*files, *(Path(key) for key in keys if key)]:
            sentence = None if path in self._exposed else exposed(path)
            if sentence is not None:
                self._exposed.add(path)
                log.warn(
                    "{name}: {path}: {sentence}",
                    name=self._name,
                    path=str(path),
                    sentence=sentence,
                )
