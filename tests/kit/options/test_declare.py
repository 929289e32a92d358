"""Declaring options: what an author of a service writes, and gets told."""

from pathlib import Path

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.options.declare import REQUIRED, option, option_name, options_of, tables_of
from logsrv.kit.options.kinds import INTEGER, NETWORK, PATH, SIZE, TEXT, Network
from tests.kit.options.example_settings import (
    GuardOptions,
    ListenerOptions,
    LoggerOptions,
    StoreOptions,
    Sync,
)


def test_a_settings_class_can_be_made_without_any_source():
    settings = LoggerOptions(keep_days=3)
    assert settings.rotate_size == 256 * 1024 * 1024
    assert settings.sync is Sync.INTERVAL
    assert settings.listen == (("tcp", "1234"),)
    assert settings.directory == Path("logs")
    assert settings.keep_days == 3
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        settings.raw = True  # type: ignore[misc]


def test_options_are_inherited_from_all_bases_and_the_own_ones_come_first():
    assert list(options_of(LoggerOptions)) == [
        *("listen", "directory", "rotate_size", "rotate_every", "sync", "keep_days"),
        *("allow", "max_connections", "max_line", "raw"),
    ]
    assert list(tables_of(LoggerOptions)) == ["listener"]


def test_a_strangers_class_with_slots_mixes_with_the_kits():
    @attrs.frozen(kw_only=True)
    class ShoutOptions:
        volume: int = option(3, INTEGER, "how loud")

    composed = attrs.make_class(
        "Composed", {}, bases=(ShoutOptions, GuardOptions, StoreOptions), frozen=True, kw_only=True
    )
    assert list(options_of(composed))[:3] == ["volume", "allow", "max_connections"]
    assert composed(volume=5).volume == 5


def test_a_default_is_shown_as_one_would_type_it():
    shown = {name: found.default_text for name, found in options_of(LoggerOptions).items()}
    assert shown == {
        "listen": "tcp:1234",
        "directory": "logs",
        "rotate_size": "256MiB",
        "rotate_every": "1d",
        "sync": "interval",
        "keep_days": "off",
        "allow": "off",
        "max_connections": "off",
        "max_line": "64KiB",
        "raw": "off",
    }
    assert options_of(ListenerOptions)["listen"].default_text == "required"


def test_a_relative_default_is_relative_to_where_the_service_starts():
    @attrs.frozen(kw_only=True)
    class Settings:
        one: Path = option(Path("a"), PATH, "")
        many: tuple[Path, ...] = option(("a", Path("b")), PATH, "", repeatable=True)

    options = options_of(Settings)
    assert options["one"].default_value(Path("/srv")) == Path("/srv/a")
    assert options["many"].default_value(Path("/srv")) == (Path("/srv/a"), Path("/srv/b"))
    assert Settings().many == (Path("a"), Path("b"))


def test_only_what_is_off_by_default_or_says_so_can_be_off():
    @attrs.frozen(kw_only=True)
    class Settings:
        some: tuple[Network, ...] = option((), NETWORK, "", repeatable=True)
        none: str | None = option(None, TEXT, "")
        said: int | None = option("1GiB", SIZE, "", off=True)
        never: int = option("1GiB", SIZE, "")

    assert [found.off for found in options_of(Settings).values()] == [True, True, True, False]
    assert options_of(Settings)["some"].nothing == ()
    assert options_of(Settings)["none"].nothing is None


def test_a_required_option_must_be_given():
    with pytest.raises(TypeError):
        ListenerOptions()
    assert options_of(ListenerOptions)["listen"].default is REQUIRED
    with pytest.raises(TypeError):
        options_of(ListenerOptions)["listen"].default_value()


def test_a_field_that_no_source_could_fill_is_an_error_of_the_author():
    @attrs.frozen
    class Settings:
        lost: int

    with pytest.raises(TypeError, match="lost has neither"):
        options_of(Settings)


def test_names_have_dashes():
    assert option_name("rotate_size") == "rotate-size"
    assert option_name("from_") == "from"


def test_a_default_that_its_kind_refuses_names_the_option_by_its_help():
    wrong: int = option("five", INTEGER, "how many at once")
    declared = options_of(attrs.make_class("Settings", {"most": wrong}, frozen=True))["most"]
    with pytest.raises(
        ConfigurationError, match=r"'five' of an option \(how many at once\): not a"
    ):
        declared.default_value()
