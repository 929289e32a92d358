"""Options: their declaration, kinds of values, sources, loading, `usage.Options`, help.

declare, kinds    an attrs class declares them; a kind parses text into a value
sources, load     values from the command line, the environment and a TOML file; settings made of them
usage, help       for twistd and twist; argument_parser is for commands
files             small files, read and created; given_files are those that settings name, and secrets
gone              options and commands of earlier versions
"""
