"""All checks of a service; places that are free, taken by others, or held by the service itself."""

import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from unittest.mock import Mock

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.options.declare import option
from logsrv.kit.options.files import SECRET, SECRET_FILE, read_secret
from logsrv.kit.service import check_service as check_service_module
from logsrv.kit.service.check_service import check_addresses, check_service, running_plugin_pids
from logsrv.kit.service.findings import (
    CheckRequest,
    Finding,
    FindingLevel,
    User,
    current_user,
    warning,
)
from tests.parts.ports import free_port
from tests.parts.users import as_root, nobody, open_directory


def checked(text: str, user: User | None = None, *, runs: bool = False) -> list[Finding]:
    """runs: the service runs already, and is this process."""
    own = [os.getpid()] if runs else []
    return list(check_addresses([parse_endpoint(text)], user or current_user(), own))


@pytest.mark.parametrize(
    "texts", [("tcp6:{}", "tcp:{}"), ("tcp:{}:interface=127.0.0.1", "tcp6:{}")]
)
def test_one_port_for_all_of_ipv6_and_for_ipv4_is_taken_twice(texts):
    """Both were called free, and the start failed."""
    port = free_port()
    endpoints = [parse_endpoint(text.format(port)) for text in texts]
    _, second = check_addresses(endpoints, current_user(), [])
    assert second.level == FindingLevel.ERROR
    assert "a listener at [::] takes IPv4 too" in second.sentence


@pytest.mark.parametrize("texts", [("tcp6:{}", "udp:{}"), ("tcp:{}", "tcp6:{}:interface=\\:\\:1")])
def test_one_port_of_two_kinds_or_of_ipv4_and_one_ipv6_address_is_free(texts):
    port = free_port()
    endpoints = [parse_endpoint(text.format(port)) for text in texts]
    assert [one.level for one in check_addresses(endpoints, current_user(), [])] == [
        FindingLevel.OK
    ] * 2


def test_a_free_port_is_free_afterwards():
    port = free_port()
    for runs in (False, True):
        [found] = checked(f"tcp:{port}:interface=127.0.0.1", runs=runs)
        assert (found.level, found.sentence) == (FindingLevel.OK, "is free")
    socket.create_server(("127.0.0.1", port)).close()


HELD = "is held by the running service (process {})"


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_port_in_use_is_an_error_unless_the_service_has_it(scheme):
    kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if scheme == "tcp":
            taken.listen()
        text = f"{scheme}:{taken.getsockname()[1]}:interface=127.0.0.1"
        [found] = checked(text)
        assert found.level is FindingLevel.ERROR and "in use" in found.sentence
        [found] = checked(text, runs=True)
        assert (found.level, found.sentence) == (FindingLevel.OK, HELD.format(os.getpid()))


def test_an_ipv6_port_of_the_running_service_is_fine():
    try:
        ours = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with ours:
        [found] = checked(f"tcp6:{ours.getsockname()[1]}:interface=\\:\\:1", runs=True)
    assert (found.level, found.sentence) == (FindingLevel.OK, HELD.format(os.getpid()))


def test_a_port_of_another_program_is_an_error_beside_the_service(monkeypatch):
    monkeypatch.setattr(check_service_module, "addresses_of_processes", lambda own: {})
    with socket.create_server(("127.0.0.1", 0)) as other:
        text = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
        [found] = checked(text, runs=True)
        assert found.level is FindingLevel.ERROR and "in use by another program" in found.sentence
    refused = Mock(side_effect=PermissionError)
    monkeypatch.setattr(check_service_module, "addresses_of_processes", refused)
    [found] = checked(text, runs=True)
    assert found.level is FindingLevel.WARNING and found.advice == "sudo logsrv check tells"


def test_a_missing_name_or_address_is_an_error():
    [found] = checked("tcp:1234:interface=203.0.113.9")
    assert (
        found.level is FindingLevel.ERROR and found.sentence == "this machine has no such address"
    )
    [found] = checked("tcp:1234:interface=no-such-host.invalid")
    assert found.level is FindingLevel.ERROR and "no-such-host" in found.subject


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("held", "wanted", "fits"),
    [
        ("127.0.0.1", ":interface=127.0.0.1", True),
        ("127.0.0.1", "", False),
        ("0.0.0.0", "", True),
        ("0.0.0.0", ":interface=127.0.0.1", False),
    ],
)
def test_the_running_service_holds_the_port_at_another_address(scheme, held, wanted, fits):
    """It was called fine, and then a reload was refused."""
    kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as ours:
        ours.bind((held, 0))
        if scheme == "tcp":
            ours.listen()
        port = ours.getsockname()[1]
        [found] = checked(f"{scheme}:{port}{wanted}", runs=True)
    if fits:
        assert (found.level, found.sentence) == (FindingLevel.OK, HELD.format(os.getpid()))
        return
    assert found.level is FindingLevel.WARNING
    assert found.sentence == (
        f"the running service (process {os.getpid()}) holds {held}:{port}, and a reload cannot change it"
    )
    assert found.advice == "restart the service"


def test_a_name_may_stand_for_the_address_that_is_held():
    with socket.create_server(("127.0.0.1", 0)) as ours:
        [found] = checked(f"tcp:{ours.getsockname()[1]}:interface=localhost", runs=True)
    assert (found.level, found.sentence) == (FindingLevel.OK, HELD.format(os.getpid()))


def test_another_address_of_a_port_beside_the_one_that_is_held_is_free():
    """A reload binds it: the two are different addresses."""
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        [found] = checked(f"tcp:{port}:interface=127.0.0.2", runs=True)
        assert (found.level, found.sentence) == (FindingLevel.OK, "is free")
        # Both are held, each by itself.
        with socket.create_server(("127.0.0.2", port)):
            for address in ("127.0.0.1", "127.0.0.2"):
                [found] = checked(f"tcp:{port}:interface={address}", runs=True)
                assert found.sentence == HELD.format(os.getpid())


@pytest.mark.parametrize(
    ("address", "wanted", "fits"),
    [
        ("00000000000000000000000000000000", "tcp6:{}", True),
        # A listener at [::] takes IPv4, too.
        ("00000000000000000000000000000000", "tcp:{}", False),
        ("00000000000000000000000001000000", "tcp6:{}:interface=\\:\\:1", True),
        ("00000000000000000000000001000000", "tcp6:{}", False),
        # IPv4 in IPv6.
        ("0000000000000000FFFF00000100007F", "tcp:{}:interface=127.0.0.1", True),
        ("000080FE0000000000000000020011AC", "tcp6:{}:interface=fe80\\:\\:ac11\\:2%lo", True),
    ],
)
def test_addresses_of_ipv6_are_compared_too(tmp_path, monkeypatch, address, wanted, fits):
    port = free_port()
    (tmp_path / "net").mkdir()
    (tmp_path / f"{os.getpid()}/fd").mkdir(parents=True)
    (tmp_path / f"{os.getpid()}/fd/3").symlink_to("socket:[77]")
    row = f"0: {address}:{port:04X} {'0' * 32}:0000 0A 0 0 0 0 0 77"
    (tmp_path / "net/tcp6").write_text(f"head\n{row}\n")
    monkeypatch.setattr(check_service_module, "PROC", tmp_path)
    [found] = checked(wanted.format(port), runs=True)
    level = FindingLevel.OK if fits else FindingLevel.WARNING
    assert (found.level, "running service" in found.sentence) == (level, True)


def test_an_endpoint_without_a_place_is_fine():
    for text in ("stdin:", "tcp:0", "systemd:domain=INET:index=0"):
        [found] = checked(text)
        assert found.level is FindingLevel.OK


def test_connections_take_no_place(tmp_path, monkeypatch):
    """Those that have ended are listed for a minute, with no socket, and others are of the service."""
    head, path = "sl local rem st tx tr retrnsmt uid timeout inode\n", tmp_path / "x.sock"
    port = free_port()
    (tmp_path / "net").mkdir()
    rows = [
        f"0: 0100007F:{port:04X} 0100007F:0050 {state} 0 0 0 0 0 {inode}"
        for state, inode in (("06", 0), ("01", 77))
    ]
    (tmp_path / "net/tcp").write_text(head + "\n".join(rows) + "\n")
    (tmp_path / "net/unix").write_text(f"{head}0: 00000003 00000000 00000000 0001 03 78 {path}\n")
    monkeypatch.setattr(check_service_module, "PROC", tmp_path)
    (tmp_path / "5/fd").mkdir(parents=True)
    for number, inode in enumerate((0, 77, 78)):
        (tmp_path / f"5/fd/{number}").symlink_to(f"socket:[{inode}]")
    own = check_service_module.addresses_of_processes([5])
    assert own == {check_service_module.HeldAddress("unix", str(path)): 5}
    [found] = checked(f"tcp:{port}:interface=127.0.0.1", runs=True)
    assert (found.level, found.sentence) == (FindingLevel.OK, "is free")


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_unix_socket_is_free_or_in_use(tmp_path, scheme):
    path = tmp_path / "a socket"
    [found] = checked(f"{scheme}:{path}")
    assert (found.level, found.sentence) == (FindingLevel.OK, "is free")
    kind = socket.SOCK_STREAM if scheme == "unix" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_UNIX, kind) as ours:
        ours.bind(str(path))
        ours.settimeout(0)
        if scheme == "unix":
            ours.listen()
        [found] = checked(f"{scheme}:{path}", runs=True)
        assert (found.level, found.sentence) == (FindingLevel.OK, HELD.format(os.getpid()))
        # The service was not bothered with a connection.
        with pytest.raises(BlockingIOError):
            ours.accept() if scheme == "unix" else ours.recv(1)
        [found] = checked(f"{scheme}:{path}")
        assert found.level is FindingLevel.ERROR and "another program listens" in found.sentence
    path.unlink()
    path.touch()
    [found] = checked(f"{scheme}:{path}")
    assert found.level is FindingLevel.ERROR and "is no socket" in found.sentence
    [found] = checked(f"{scheme}:{tmp_path}/no/x.sock")
    assert found.level is FindingLevel.ERROR and "there is no directory" in found.sentence
    [found] = checked(f"{scheme}:/run/logsrv-test/x.sock")
    assert found.level is FindingLevel.WARNING
    assert found.advice == "RuntimeDirectory=logsrv-test in its unit makes it"


@as_root
def test_a_unix_socket_in_a_forbidden_directory_is_an_error():
    with open_directory() as directory:
        [found] = checked(f"unix:{directory}/x.sock", nobody())
        assert found.level is FindingLevel.ERROR
        assert found.advice == "its directory must be writable"


def test_a_running_service_is_known_by_its_command_line(tmp_path, monkeypatch):
    """Two of one plugin are told apart by their configurations."""
    for pid, file in ((7, "/etc/a.toml"), (8, "/etc/b.toml"), (9, "")):
        (tmp_path / str(pid)).mkdir()
        words = ["python", "/opt/logsrv/bin/twistd", "-n", "shout", f"--config={file}"]
        (tmp_path / str(pid) / "cmdline").write_text("\0".join(words) + "\0")
    (tmp_path / "net").mkdir()
    monkeypatch.setattr(check_service_module, "PROC", tmp_path)
    assert running_plugin_pids("shout", None) == [7, 8, 9]
    assert running_plugin_pids("shout", Path("/etc/b.toml")) == [8]
    assert running_plugin_pids("greet", None) == []
    monkeypatch.setattr(check_service_module, "PROC", tmp_path / "no")
    assert running_plugin_pids("shout", None) == []


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["--config", "a.toml"], []),
        (["--config=./a.toml"], []),
        (["--config", "../etc/a.toml"], []),
        ([], ["HOME=/", "SHOUT_CONFIG=a.toml"]),
    ],
)
def test_a_running_service_may_name_its_file_as_it_likes(tmp_path, monkeypatch, words, variables):
    process = tmp_path / "7"
    process.mkdir()
    (process / "cmdline").write_text("\0".join(["twistd", "shout", *words, ""]))
    (process / "environ").write_text("\0".join([*variables, ""]))
    (process / "cwd").symlink_to("/etc")
    monkeypatch.setattr(check_service_module, "PROC", tmp_path)
    assert running_plugin_pids("shout", Path("/etc/a.toml")) == [7]
    assert running_plugin_pids("shout", Path("/etc/b.toml")) == []


def test_the_tables_of_linux_are_read_once_for_all_places(monkeypatch):
    """A service with thousands of listeners was looked for in as many tables."""
    read = Mock(side_effect=check_service_module.read_proc_file)
    monkeypatch.setattr(check_service_module, "read_proc_file", read)
    endpoints = [parse_endpoint(f"tcp:{port}") for port in (free_port(), free_port())]
    assert len(list(check_addresses(endpoints, current_user(), [os.getpid()]))) == 2
    assert read.call_count == 5


def test_this_process_is_not_taken_for_a_service():
    assert os.getpid() not in running_plugin_pids("logsrv", None)


@attrs.frozen(kw_only=True)
class Settings:
    key: str | None = option(None, SECRET, "a key")
    key_file: Path | None = option(None, SECRET_FILE, "a file that has it")


@attrs.frozen
class Spec:
    endpoint: Endpoint
    settings: GuardPolicy = attrs.field(factory=GuardPolicy)


@attrs.define
class Imagined:
    """A service that listens nowhere yet."""

    settings: Settings

    def all_wanted_sites(self, settings: Settings) -> Mapping[str, Spec]:
        read_secret("key", settings.key, settings.key_file)
        return {"a": Spec(parse_endpoint("tcp:0"))}

    def running_pid(self) -> int | None:
        return None

    def findings(self, asked: CheckRequest) -> Iterable[Finding]:
        yield warning("soup", "is cold", "warm it")
        raise OSError("no spoon")


def found_of(settings: Settings, file: Path | None = None) -> dict[str, Finding]:
    asked = CheckRequest(current_user(), file=file)
    return {one.subject: one for one in check_service(Imagined(settings), "imagined", asked)}


def test_every_part_is_there_also_when_the_service_s_own_fails():
    found = found_of(Settings())
    assert [*found] == [*("configuration", "tcp:0", "soup", "imagined")]
    assert found["configuration"].sentence.endswith("it listens at 1 place")
    assert found["imagined"].sentence == "could not be checked: OSError: no spoon"


def test_a_missing_file_is_reported_once(tmp_path):
    missing = tmp_path / "key"
    found = found_of(Settings(key_file=missing))
    assert found[str(missing)].level is FindingLevel.ERROR and "configuration" not in found


def test_an_error_of_the_start_is_a_finding(tmp_path):
    (tmp_path / "key").write_text("0123456789abcdef\n")
    found = found_of(Settings(key="abc", key_file=tmp_path / "key"))
    assert found["configuration"].sentence == "--key and --key-file are both given; remove one"


def test_a_secret_in_a_readable_configuration_is_a_warning():
    with open_directory() as directory:
        file = directory / "imagined.toml"
        file.write_text('key = "0123456789abcdef"\n')
        file.chmod(0o644)
        found = found_of(Settings(key="0123456789abcdef"), file)
        assert found[str(file)].sentence == "everybody on this machine may read it (mode 0644)"


def test_a_configuration_that_everybody_may_change_is_a_warning():
    with open_directory() as directory:
        file = directory / "imagined.toml"
        file.write_text("")
        file.chmod(0o646)
        assert found_of(Settings(), file)[str(file)].level is FindingLevel.WARNING
        file.chmod(0o644)
        assert found_of(Settings(), file)[str(file)].level is FindingLevel.OK
        assert "/dev/fd/0" not in found_of(Settings(), Path("/dev/fd/0"))


def test_a_configuration_error_names_what_is_not_checked(tmp_path):
    class Refusing(Imagined):
        def all_wanted_sites(self, settings: Settings) -> Mapping[str, Spec]:
            raise ConfigurationError("there is no moon")

    found = list(check_service(Refusing(Settings()), "imagined", CheckRequest(current_user())))
    assert found[0] == Finding(
        FindingLevel.ERROR,
        "configuration",
        "there is no moon",
        "mend it; addresses are checked after that",
    )
