"""Options: their declaration, kinds of values, sources, loading, parsers, help.

A frozen attrs class declares the options of a program once. The values of the options come from the command
line, the environment and a TOML file; the command line wins over the environment, and the environment wins
over the file. If a value is wrong, the program reports this in one sentence, which also names the remedy,
before it opens anything.

    from pathlib import Path

    import attrs

    from logsrv.kit import SIZE, option
    from logsrv.kit.options.load import SettingsSources, load_settings

    @attrs.frozen(kw_only=True)
    class ShopSettings:
        max_order: int = option("1MiB", SIZE, "the largest order")

    sources = SettingsSources(
        name="shop", directory=Path.cwd(), environment={"SHOP_MAX_ORDER": "2MiB"}
    )
    assert load_settings(ShopSettings, sources).settings.max_order == 2 * 1024 * 1024

Its modules:

declare, kinds    an attrs class declares them; a kind parses text into a value
sources, load     values from the command line, the environment and a TOML file; settings made of them
overruled         values that a stronger source overrules
toml_file         that file, read; mistakes collects what is wrong in it
doubtful_values   warnings about values that are ignored, do not fit, or are probably a mistake
lone_keys         warnings about keys that protect one table, and not its neighbours
argument_parser   the parser of every command line; help has that of plugins, usage gives it to twistd
files             small files: read, created, those that settings name, and secrets in them
"""
