"""All checks of a service together."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.options.declare import option
from logsrv.kit.options.secrets import SECRET, SECRET_FILE, read_secret
from logsrv.kit.service.checks.findings import CheckRequest, Finding, FindingLevel, warning
from logsrv.kit.service.checks.service import check_service
from logsrv.kit.service.checks.user import current_user
from tests.parts.users import open_directory


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
    assert found["configuration"].sentence == "--key and --key-file are both there; take one"


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
        "mend it: places are checked then",
    )
