"""The command `gopher`: its command line, and showing and saving answers."""
