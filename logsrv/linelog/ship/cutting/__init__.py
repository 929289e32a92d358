"""Cutting: turns the text of a store that is on the medium into blocks or batches of lines."""
