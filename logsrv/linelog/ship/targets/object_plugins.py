"""The shared part of plugins of targets whose segments go to a directory or a bucket: an archive, a lake.

With `lake+` before its URL, a directory or a bucket gets Parquet files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from logsrv.kit.options.files import KEY_PAIR, read_secret
from logsrv.kit.service.file_checks import check_directory_writable
from logsrv.kit.service.findings import CheckRequest, Finding, FindingLevel, ok, warning
from logsrv.kit.text.escape import one_line
from logsrv.linelog.objects.url import parse_archive_url
from logsrv.linelog.ship.targets.target_plugin import ShipURL, TargetPlugin, TargetSettings

LAKE = "lake+"


class DirectoryPlugin(TargetPlugin):
    """The plugin of a target in a directory. `parse` refuses unknown parameters."""

    def parse(self, text: str, word: str) -> ShipURL:
        there = parse_archive_url(text.removeprefix(LAKE))
        query = urlsplit(text).query
        return ShipURL(text, word, there.bucket, 0, there.path, query, plugin=self)

    def environment_variables(self, url: ShipURL) -> tuple[str, ...]:
        return parse_archive_url(url.text.removeprefix(LAKE)).environment_variables

    def findings(
        self, subject: str, settings: TargetSettings, asked: CheckRequest
    ) -> Iterator[Finding]:
        there = Path(settings.url.path)
        found = check_directory_writable(there, asked.user)
        if found.level is FindingLevel.OK and not there.exists():
            # It may be a disk that is not mounted, so the server does not make it.
            advice = f"mount a disk there, or mkdir {quote(str(there))}"
            found = warning(str(there), "is not there", advice)
        yield found


class BucketPlugin(DirectoryPlugin):
    """The plugin of a target in a bucket."""

    def read_token(self, file: Path | None) -> str | None:
        return read_secret("ship-token", None, file, KEY_PAIR)

    def findings(
        self, subject: str, settings: TargetSettings, asked: CheckRequest
    ) -> Iterator[Finding]:
        where = one_line(settings.url.loggable_url)
        yield ok(subject, f"goes to {where} (a bucket is never contacted here)")
