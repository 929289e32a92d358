"""The commands that read a store: search, tail, show, sql."""
