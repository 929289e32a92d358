"""Cutting: dividing the text of a store, as far as it is on the medium, into blocks or batches of lines."""
