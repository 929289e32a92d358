"""Many queries put to a text in one pass: which of a thousand find something in a megabyte, and where."""
