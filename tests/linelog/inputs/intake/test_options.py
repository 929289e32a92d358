"""The options of inputs of records: of one listener, secrets out of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.inputs.intake.options import InputOptions, Secrets, read_secrets, with_secrets
from logsrv.linelog.plugin.service import Options


def test_each_listener_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k1\n")
    (tmp_path / "logsrv.toml").write_text(
        'max-record = "2MiB"\n[[listener]]\nlisten = "tcp:0"\nshared-key-file = "key"\n'
        '[[listener]]\nlisten = "tcp:1235"\nmax-record = "1KiB"\ninput-token = "t"\n'
    )
    options = Options()
    options.parseOptions(["--config", str(tmp_path / "logsrv.toml")])
    first, second = options.settings.listener
    assert (first.input_options.max_record, second.input_options.max_record) == (2 << 20, 1 << 10)
    assert read_secrets(first) == Secrets(None, "k1")
    assert read_secrets(second.input_options) == Secrets("t", None)


def test_a_file_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--input-token-file"):
        read_secrets(InputOptions(input_token_file=tmp_path / "none"))


def test_whoever_may_send_may_not_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("geheim\n")
    file = tmp_path / "token"
    options = InputOptions(input_token="sends", restore_token_file=file)
    assert read_secrets(options) == Secrets("sends", None, "geheim")
    assert with_secrets(options).restore_token == "geheim"
    with pytest.raises(ConfigurationError, match="whoever may send lines could read those of all"):
        read_secrets(InputOptions(input_token="geheim", restore_token_file=file))
