"""The command `gopher`: its command line, and how it shows and saves answers."""
