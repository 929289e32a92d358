"""Maintenance of a store, with or without a running server: `logsrv doctor` and `logsrv reindex`.

examine.py   all parts of a store, one after the other: numbers, places, small files, texts
texts.py     a sealed segment: its text, index, words and columns
repair.py    an index made from the frames of its text; files that are kept aside
findings.py  what is found, as sentences
doctor_command.py, reindex_command.py
             the commands; reindex makes what is missing, for which no damage has to be looked for
"""
