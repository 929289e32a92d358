"""The search for words and expressions in text, without fields and stores.

`engine` is RE2; `expression` compiles what a query has between slashes, and `pattern_reader` finds the
`literals` that each match has. `hits` finds the lines with a match, one after the other; `numpy_search`
looks for literals in much text. `highlight` finds what to mark in a line. `byte_chains` knows the
expressions of which `chain_search` finds all matches at once, without RE2; `far_looks` those that may read
a text again for each match.
"""
