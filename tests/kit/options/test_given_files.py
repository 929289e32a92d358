"""Secrets among the options: on the command line or in a file, never both."""

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.options.given_files import LONGEST, SECRET, exposure_warning, read_secret
from tests.parts.users import open_directory


def test_a_secret_comes_from_the_command_line_or_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("open-sesame\n")
    assert read_secret("token", "abc", None) == "abc"
    assert read_secret("token", None, file) == "open-sesame"
    assert read_secret("token", None, None) is None


@pytest.mark.parametrize("text", ["", "two words", "x" * (LONGEST + 1), "é", "a\x1b[2J"])
def test_a_wrong_secret_is_refused(text, tmp_path):
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(ValueError):
        SECRET.parse(text)
    with pytest.raises(ConfigurationError, match=r"--token-file .*token"):
        read_secret("token", None, file)


def test_two_sources_or_a_wrong_file_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="--token and --token-file are both there"):
        read_secret("token", "a", tmp_path / "token")
    with pytest.raises(ConfigurationError, match=r"--token-file .*: no such file"):
        read_secret("token", None, tmp_path / "none")
    with pytest.raises(ConfigurationError, match="is a directory"):
        read_secret("token", None, tmp_path)


def test_a_secret_that_others_may_read_is_exposed():
    assert exposure_warning(Path("/dev/null")) is None
    with open_directory() as directory:
        path = directory / "a token"
        assert exposure_warning(path) is None
        path.touch()
        for mode, may in (
            (0o640, ""),
            (0o644, "read"),
            (0o642, "change"),
            (0o666, "read and change"),
        ):
            path.chmod(mode)
            sentence = (
                f"everybody on this machine may {may} it (mode {mode:04o}): chmod 640 '{path}'"
            )
            assert exposure_warning(path) == (sentence if may else None)
        # Nobody else comes to it.
        directory.chmod(0o750)
        assert exposure_warning(path) is None
