"""The search for words and expressions in text, without fields and stores.

`engine` is RE2; `expression` compiles what a query has between slashes, and `pattern_reader` finds the
`literals` that each match has. `literal_windows` and `numpy_search` look for literals in many lines,
`line_spans` cuts lines out, `highlight` finds what to mark in a line.
"""
