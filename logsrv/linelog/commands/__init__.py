"""The commands that read a store: `logsrv search`, `tail`, `show`, `ship`, `restore`; `serve` and `help`.

Commands of what can be taken away are in its own folder; `logsrv.cli` has those of the kit, and finds all.

NAME_command        a command: its arguments, and what it does
reading, stores     the arguments of all that read: which store, which time, which form of output
standard_output     lines to the terminal or a pager; answers, around, bars, records, rows, table print
                    what was found, progress how far a search is
service_settings    the settings of the service, for commands that need them
topics              texts of `logsrv help TOPIC`
"""
