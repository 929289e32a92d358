"""The options of inputs of records: limits of size, and secrets of senders."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import attrs

from logsrv.kit.options.declare import option
from logsrv.kit.options.files import SECRET, SECRET_FILE, read_secret, read_secrets_of_lines
from logsrv.kit.options.kinds import SIZE
from logsrv.linelog.intake.filter_options import FilterOptions
from logsrv.linelog.lines.rules import LineRules

BODIES = ("max_record", "max_body")
"""Options that most inputs of records use, for `InputFormat.options`."""
OVER_HTTP = ("input_token", *BODIES)
"""Those that the inputs over HTTP use."""
# Between the tokens of a file, in the option that replaces the file; no token has it.
_BETWEEN = "\n"


@attrs.frozen(kw_only=True, slots=False)
class InputOptions:
    """The options of one listener for inputs of records."""

    help_group: ClassVar[str] = "Records, and senders that need a token"

    max_record: int = option(
        "1MiB", SIZE, "longest record of JSON and similar inputs, at least --max-line"
    )
    max_body: int = option("64MiB", SIZE, "largest body or message of many records, unpacked")
    input_token: str | None = option(
        None, SECRET, "the token for senders over HTTP; visible in the process list"
    )
    input_token_file: Path | None = option(
        None, SECRET_FILE, "a file with that token, or with several, one a line"
    )
    shared_key: str | None = option(
        None, SECRET, "the key for senders by Forward; visible in the process list"
    )
    shared_key_file: Path | None = option(None, SECRET_FILE, "a file with that key")


@attrs.frozen
class InputSecrets:
    """The secrets of one listener, read together with its options. Any of the tokens will do."""

    tokens: tuple[str, ...] = ()
    shared_key: str | None = None

    @property
    def token(self) -> str | None:
        """The first token, for a protocol that cannot have several."""
        return self.tokens[0] if self.tokens else None


def read_secrets(options: InputOptions) -> InputSecrets:
    """Return the secrets. Raises ConfigurationError if a file cannot be used."""
    given = options.input_token
    if given is not None and _BETWEEN in given:
        # `with_secrets` has read them.
        tokens = tuple(given.split(_BETWEEN))
    else:
        tokens = read_secrets_of_lines("input-token", given, options.input_token_file)
    shared_key = read_secret("shared-key", options.shared_key, options.shared_key_file)
    return InputSecrets(tokens, shared_key)


Options = TypeVar("Options", bound=InputOptions)


def with_secrets(options: Options) -> Options:
    """Return the options with the secrets themselves instead of their files.

    Raises ConfigurationError as `read_secrets` does.
    """
    found = read_secrets(options)
    secrets: dict[str, Any] = {
        "input_token": _BETWEEN.join(found.tokens) or None,
        "shared_key": found.shared_key,
    }
    secrets |= {f"{name}_file": None for name in secrets}
    return attrs.evolve(options, **secrets)


class InputSettings(Protocol):
    """The settings of a listener that inputs use."""

    @property
    def name(self) -> str | None: ...

    @property
    def line_rules(self) -> LineRules: ...

    @property
    def log_connections(self) -> bool: ...

    @property
    def keepalive(self) -> float | None: ...

    @property
    def input_options(self) -> InputOptions: ...

    @property
    def filter_options(self) -> FilterOptions: ...
