"""Rows of an answer as people read them: `text_table` makes a table of text, `shown_numbers` its numbers.

The page makes its own (`http/static/grid.js`, `units.js`), by the same rules for numbers.
"""
