"""Options: their declaration, kinds of values, sources, loading, parsers, help.

declare, kinds    an attrs class declares them; a kind parses text into a value
sources, load     values from the command line, the environment and a TOML file; settings made of them
argument_parser   the parser of every command line; help has that of plugins, usage gives it to twistd
files             small files: read, created, those that settings name, and secrets in them
gone              options and commands of earlier versions
"""
