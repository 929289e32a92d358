"""Which of several sources counts, tables in the file, and checks across options."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.options.declare import REQUIRED, option, tables
from logsrv.kit.options.kinds import DIRECTORY, DURATION, FLAG, TEXT, Kind, choice, integer
from logsrv.kit.options.load import LoadedSettings, SettingsSources, load_settings
from tests.kit.options.example_settings import PLACE, LoggerOptions, Sync

Run: TypeAlias = Callable[..., LoadedSettings[LoggerOptions]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Load with a file of this content, these variables, and these arguments."""

    def call(
        toml: str | None = None,
        environment: dict[str, str] | None = None,
        **arguments: Sequence[str],
    ) -> LoadedSettings[LoggerOptions]:
        if toml is not None:
            (tmp_path / "etc").mkdir(exist_ok=True)
            (tmp_path / "etc" / "x.toml").write_text(toml)
            arguments = {"config": ["etc/x.toml"], **arguments}
        return load_settings(
            LoggerOptions,
            SettingsSources(
                name="logsrv",
                directory=tmp_path,
                environment=environment or {},
                arguments=arguments,
            ),
        )

    return call


def refused(run: Run, *args: Any, **keys: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        run(*args, **keys)
    return str(caught.value)


def test_command_line_before_environment_before_file_before_default(run):
    toml = 'max-line = "3KiB"\nrotate-size = "3KiB"\nsync = "never"\n'
    variables = {"LOGSRV_MAX_LINE": "2KiB", "LOGSRV_ROTATE_SIZE": "2KiB"}
    loaded = run(toml, variables, max_line=["1KiB"])
    assert loaded.settings.max_line == 1024
    assert loaded.settings.rotate_size == 2048
    assert loaded.settings.sync is Sync.NEVER
    assert loaded.settings.raw is False


def test_a_value_that_another_source_overrules_is_told(run, tmp_path):
    """Whoever sets a variable in vain looks for the reason. The same value twice is no news."""
    toml = 'max-line = "3KiB"\nrotate-size = "2KiB"\nraw = true\n[[listener]]\nlisten = "tcp:1"\n'
    variables = {"LOGSRV_MAX_LINE": "2KiB", "LOGSRV_ROTATE_SIZE": "2KiB", "LOGSRV_RAW": "no"}
    loaded = run(toml, variables, max_line=["1KiB"], listen=["tcp:2"])
    file = tmp_path / "etc/x.toml"
    assert set(loaded.unused) == {
        "environment, LOGSRV_MAX_LINE: not used, because --max-line is on the command line",
        f"{file}, key max-line: not used, because --max-line is on the command line",
        f"{file}, key raw: not used, because LOGSRV_RAW is in the environment",
        f"{file}, [[listener]]: not used, because --listen is on the command line",
    }
    assert loaded.warnings == () and run(toml).unused == ()


def test_a_wrong_value_that_another_overrules_is_refused_too(run):
    assert "environment, LOGSRV_MAX_LINE" in refused(
        run, None, {"LOGSRV_MAX_LINE": "x"}, max_line=["1KiB"]
    )
    assert "key max-line" in refused(run, "max-line = 0", max_line=["1KiB"])


def test_a_flag_of_the_file_can_be_switched_off(run):
    assert run("raw = true").settings.raw is True
    assert run("raw = true", {"LOGSRV_RAW": "no"}).settings.raw is False
    assert run("raw = true", raw=["false"]).settings.raw is False


def test_a_variable_names_the_file_and_config_off_ignores_it(run, tmp_path):
    path = tmp_path / "other.toml"
    path.write_text("raw = true")
    variables = {"LOGSRV_CONFIG": str(path)}
    assert run(None, variables).settings.raw is True
    assert run(None, variables, config=["off"]).settings.raw is False
    path.unlink()
    assert "(environment, LOGSRV_CONFIG): no such file" in refused(run, None, variables)


def test_relative_paths_of_the_file_are_relative_to_it(run, tmp_path):
    assert run('directory = "lines"').settings.directory == tmp_path / "etc" / "lines"
    assert run("", directory=["lines"]).settings.directory == tmp_path / "lines"
    assert run(None).settings.directory == tmp_path / "logs"


LISTENERS = """
max-line = "1KiB"
[[listener]]
listen = "tcp:1"
[[listener]]
listen = "udp:2"
name = "two"
max-line = "2KiB"
"""


def test_a_table_takes_what_it_leaves_out_from_the_top_level(run):
    one, two = run(LISTENERS).settings.listener
    assert (one.listen, one.name, one.max_line) == (("tcp", "1"), None, 1024)
    assert (two.listen, two.name, two.max_line) == (("udp", "2"), "two", 2048)
    assert run(LISTENERS).settings.listen == ()


def test_command_line_and_environment_beat_the_tables_of_the_file(run):
    for listeners in (
        run(LISTENERS, max_line=["3KiB"]).settings.listener,
        run(LISTENERS, {"LOGSRV_MAX_LINE": "3KiB"}).settings.listener,
    ):
        assert [listener.max_line for listener in listeners] == [3072, 3072]


def test_listen_on_the_command_line_replaces_the_listeners_of_the_file(run):
    (only,) = run(LISTENERS, listen=["tcp:9"]).settings.listener
    assert (only.listen, only.name, only.max_line) == (("tcp", "9"), None, 1024)
    (only,) = run(LISTENERS, {"LOGSRV_LISTEN": "tcp:9"}).settings.listener
    assert only.listen == ("tcp", "9")


def test_listen_in_the_file_adds_to_its_listeners(run):
    listeners = run('listen = ["tcp:8", "tcp:9"]\n' + LISTENERS).settings.listener
    assert [":".join(one.listen) for one in listeners] == ["tcp:8", "tcp:9", "tcp:1", "udp:2"]


def test_without_listeners_in_the_file_the_default_one_is_there(run):
    (only,) = run("raw = true").settings.listener
    assert (only.listen, only.raw) == (("tcp", "1234"), True)


@attrs.frozen(kw_only=True)
class PlaceOptions:
    at: tuple[str, str] = option(REQUIRED, PLACE, "where")


@attrs.frozen(kw_only=True)
class PlacesOptions:
    at: tuple[tuple[str, str], ...] = option((), PLACE, "where", repeatable=True)
    places: tuple[PlaceOptions, ...] = tables(PlaceOptions, "places", shorthand="at", key="at")


@pytest.mark.parametrize(
    ("toml", "places"),
    [
        ('at = "tcp:1"', ["tcp:1"]),
        ('at = ["tcp:1", "tcp:2"]', ["tcp:1", "tcp:2"]),
        ('[[at]]\nat = "tcp:1"\n[[at]]\nat = "udp:2"', ["tcp:1", "udp:2"]),
        ("", []),
    ],
)
def test_tables_may_have_the_key_of_their_shorthand(tmp_path, toml, places):
    config = tmp_path / "x.toml"
    config.write_text(toml)
    given = SettingsSources(
        name="x", directory=tmp_path, environment={}, arguments={"config": [str(config)]}
    )
    found = load_settings(PlacesOptions, given).settings.places
    assert [":".join(one.at) for one in found] == places


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[listener]\nlisten='tcp:1'", ", key listener: not an array of tables; begin each table"),
        ("listener = [1]", ", key listener: not an array of tables"),
        ("[[listener]]\nname='x'", ", listener 1: listen is missing; accepted: an endpoint"),
        ("[[listener]]\nmax-lime=1", ", listener 1: unknown key max-lime (did you mean max-line?)"),
        ("[[listener]]\nlisten='x'", ", listener 1, key listen): not TYPE:ARGUMENTS; accepted"),
        (
            "[[listener]]\nlisten='tcp:1'\nkeep-days=3",
            ", listener 1: keep-days is no key of [[listener]]; write it above the first [[…]]",
        ),
        (
            "[[listen]]\nlisten='tcp:1'",
            ", key listen: not the name of a table (did you mean [[listener]]?)",
        ),
        (
            "[listen]\nx='tcp:1'",
            ", key listen: not the name of a table (did you mean [[listener]]?)",
        ),
        ("[[listner]]\nlisten='tcp:1'", ": unknown key listner (did you mean listener?)"),
        ("[store]\nraw=true", ": unknown key store"),
    ],
)
def test_a_wrong_table_is_a_sentence_with_its_place(run, tmp_path, toml, sentence):
    assert f"{tmp_path}/etc/x.toml{sentence}" in refused(run, toml)


def test_wrong_keys_of_the_top_and_of_all_tables_are_told_together(run, tmp_path):
    toml = "[[listener]]\nlisten='x'\nrow=1\n[[listener]]\nlisten='tcp:1'\nmax-line=0\n"
    path = f"{tmp_path}/etc/x.toml"
    told = refused(run, "kep-days = 1\n" + toml).split("\n")
    assert [one.partition(":")[0] for one in told] == [
        path,
        f"listen x ({path}, listener 1, key listen)",
        f"{path}, listener 1",
        f"max-line 0 ({path}, listener 2, key max-line)",
    ]
    told = refused(run, "[[listener]]\nname='a'\n[[listener]]\nname='b'\n").split("\n")
    assert [one.partition(" is missing")[0] for one in told] == [
        f"{path}, listener 1: listen",
        f"{path}, listener 2: listen",
    ]


def test_options_that_do_not_go_together_are_one_sentence(run):
    assert refused(run, "keep-days = 3", sync=["never"]) == (
        "--keep-days goes with --sync interval or always"
    )


@attrs.frozen(kw_only=True)
class Inner:
    low: int = option(1, integer(), "")
    high: int = option(2, integer(), "")

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above\n high")


@attrs.frozen(kw_only=True)
class Outer:
    word: str = option(REQUIRED, TEXT, "")
    # Declared here anew, so it is another option than that of the tables.
    low: int = option(7, integer(), "")
    inner: tuple[Inner, ...] = tables(Inner, "")


def test_tables_check_themselves_and_inherit_only_what_is_shared(tmp_path):
    path = tmp_path / "x.toml"
    sources = SettingsSources(
        name="x", directory=tmp_path, arguments={"word": ["w"], "config": [str(path)]}
    )
    path.write_text("[[inner]]\n")
    assert load_settings(Outer, sources).settings.inner == (Inner(low=1, high=2),)
    path.write_text("[[inner]]\nlow = 3\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(Outer, sources)
    assert str(caught.value) == f"{path}, inner 1: low is above\\x0a high"


@attrs.frozen(kw_only=True)
class Lot:
    name: str = option(REQUIRED, TEXT, "")
    open_for: float = option("60s", DURATION, "")
    way: str = option("up", choice("up", "down"), "")
    bid: int = option(1, integer(), "")


@attrs.frozen(kw_only=True)
class House:
    open_for: float = option("60s", DURATION, "")
    way: str = option("up", choice("up", "down"), "")
    bid: str = option("one", TEXT, "")
    lots: tuple[Lot, ...] = tables(Lot, "", key="lot")


def test_a_table_inherits_an_option_that_both_classes_declare(tmp_path):
    """But none of another kind."""
    path = tmp_path / "x.toml"
    path.write_text(
        """
        open-for = "25s"
        way = "down"
        bid = "two"
        [[lot]]
        name = "a"
        [[lot]]
        name = "b"
        open-for = "30s"
        """
    )

    def lots(**arguments: Sequence[str]) -> list[tuple[object, ...]]:
        given = {"config": [str(path)], **arguments}
        found = load_settings(
            House, SettingsSources(name="x", directory=tmp_path, arguments=given)
        ).settings
        return [(one.open_for, one.way, one.bid) for one in found.lots]

    assert lots() == [(25.0, "down", 1), (30.0, "down", 1)]
    assert lots(open_for=["20s"]) == [(20.0, "down", 1), (20.0, "down", 1)]


def test_a_required_option_that_nobody_gives_is_a_sentence(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load_settings(Outer, SettingsSources(name="x", directory=tmp_path))
    assert str(caught.value) == "--word is missing; accepted: any text"


def test_unknown_variables_come_back_as_warnings(run):
    assert run(None, {"LOGSRV_RAV": "1", "PATH": "/bin"}).warnings == (
        "environment: LOGSRV_RAV is no option of logsrv (did you mean LOGSRV_RAW?)",
    )


@attrs.frozen(kw_only=True, slots=False)
class TargetRules:
    goes_with: ClassVar[str] = "target"

    key: str | None = option(None, TEXT, "")
    quick: bool = option(False, FLAG, "")


@attrs.frozen(kw_only=True, slots=False)
class Target(TargetRules):
    target: str = option(REQUIRED, TEXT, "")


@attrs.frozen(kw_only=True)
class Sender(TargetRules):
    target: tuple[str, ...] = option((), TEXT, "", repeatable=True)
    targets: tuple[Target, ...] = tables(Target, "", shorthand="target")


def test_options_without_the_one_that_they_go_with_come_back_as_warnings(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('key = "k"\n')

    def warnings(**arguments: Sequence[str]) -> tuple[str, ...]:
        given = {"config": [str(path)], **arguments}
        return load_settings(
            Sender, SettingsSources(name="x", directory=tmp_path, arguments=given)
        ).warnings

    ignored = "is ignored, because it needs --target, which is not given"
    assert warnings(quick=["yes"]) == (
        f"{path}, key key: --key {ignored}",
        f"command line: --quick {ignored}",
    )
    assert warnings(quick=["no"], key=["off"]) == ()
    assert warnings(target=["a"]) == ()
    path.write_text('key = "k"\n[[targets]]\ntarget = "a"\n')
    assert warnings() == ()


SHOUT: Kind[str] = Kind(str, "", "TEXT", advise=lambda text: ["loud"] * text.isupper())


@attrs.frozen(kw_only=True)
class Voice:
    word: str = option("A", SHOUT, "")
    more: tuple[str, ...] = option((), SHOUT, "", repeatable=True)


@attrs.frozen(kw_only=True)
class Voices:
    word: tuple[str, ...] = option((), SHOUT, "", repeatable=True)
    voices: tuple[Voice, ...] = tables(Voice, "", shorthand="word")


def test_a_doubtful_value_comes_back_as_a_warning(tmp_path):
    """Once for each, wherever it stands; a default is meant as it is."""
    path = tmp_path / "x.toml"
    path.write_text('[[voices]]\nword = "b"\nmore = ["C", "d"]\n[[voices]]\n')

    def warnings(settings: type, **arguments: Sequence[str]) -> tuple[str, ...]:
        return load_settings(
            settings, SettingsSources(name="x", directory=tmp_path, arguments=arguments)
        ).warnings

    assert warnings(Voices, word=["E", "f"]) == ("command line: --word E: loud",)
    (said,) = warnings(Voices, config=[str(path)])
    assert said.startswith(f"{path}, ") and said.endswith("--more C: loud")
    assert warnings(Voice, word=["G"], more=["h"]) == ("command line: --word G: loud",)


def test_a_file_from_a_pipe_is_read_once_and_relative_to_the_server(run, tmp_path):
    """`--config <(…)`: the directory of the pipe's name is none for anybody's files."""
    reader, writer = os.pipe()
    os.write(writer, b'directory = "lines"\n')
    os.close(writer)
    name = f"/dev/fd/{reader}"
    assert run(None, config=[name]).settings.directory == tmp_path / "lines"
    sources = SettingsSources(
        name="logsrv", directory=tmp_path, arguments={"config": [name]}, again=True
    )
    with pytest.raises(ConfigurationError, match="cannot be read again at a reload"):
        load_settings(LoggerOptions, sources)
    os.close(reader)


def test_a_default_directory_that_is_missing_is_a_sentence_with_its_option(tmp_path):
    @attrs.frozen(kw_only=True)
    class Spooled:
        spool: Path = option("spool", DIRECTORY, "the folder of mails")

    sources = SettingsSources(name="imapd", directory=tmp_path)
    with pytest.raises(ConfigurationError, match=r"^--spool: the default 'spool' .*no directory"):
        load_settings(Spooled, sources)
    (tmp_path / "spool").mkdir()
    assert load_settings(Spooled, sources).settings.spool == tmp_path / "spool"
