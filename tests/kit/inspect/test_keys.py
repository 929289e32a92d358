"""Files of keys: made, read, and refused with a sentence."""

import resource
import stat

import pytest

pytest.importorskip("twisted.conch.ssh.keys", reason="pip install 'logsrv[inspect]'")

from logsrv.errors import ConfigurationError
from logsrv.kit.inspect._ssh import authorized_keys, host_key


def test_a_host_key_is_made_once_and_for_its_user_alone(tmp_path):
    path = tmp_path / "host"
    key = host_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert host_key(path) == key
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="could be read by others: chmod 600 it"):
        host_key(path)


def test_a_wrong_host_key_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "host"
    path.touch(0o600)
    with pytest.raises(ConfigurationError, match="is no private key"):
        host_key(path)
    path.write_bytes(host_key(tmp_path / "other").public().toString("openssh"))
    with pytest.raises(ConfigurationError, match="is no private key without a passphrase"):
        host_key(path)
    with pytest.raises(
        ConfigurationError, match="cannot be made or read: No such file or directory"
    ):
        host_key(tmp_path / "nowhere" / "host")


def test_one_wrong_authorized_key_refuses_the_file(tmp_path):
    key = host_key(tmp_path / "key").public()
    line = key.toString("openssh", comment="ada@example.org")
    path = tmp_path / "keys"
    path.write_bytes(b"# who may look inside\n\n" + line + b"\n")
    assert authorized_keys(path) == (key,)
    path.write_bytes(line + b'\ncommand="date" ' + line + b"\n")
    with pytest.raises(ConfigurationError, match="line 2 is no public key without options"):
        authorized_keys(path)
    path.write_bytes(b"# nobody\n")
    with pytest.raises(ConfigurationError, match="has no key in it"):
        authorized_keys(path)
    with pytest.raises(ConfigurationError, match="no such file"):
        authorized_keys(tmp_path / "none")


def test_a_host_key_that_could_not_be_written_is_not_left_behind(tmp_path):
    """As on a full disk: the next start makes another."""
    path = tmp_path / "host"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(ConfigurationError, match="cannot be made or read: File too large"):
            host_key(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not host_key(path).isPublic()
