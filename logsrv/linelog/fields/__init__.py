"""The fields of a stored line, parsed when the first one is needed (schema-on-read); no I/O.

    stored_line, stamps        the bytes of one line, and the stamps of many
    forms/                     each form of lines: one line in one.py, many lines at once in many.py
    level/                     the words of a text that tell its level, in one and in many
    continuations/             records of several lines, such as stack traces
    parsed_line                one line of any form: its fields and its level
    extract, level_numbers     many lines of any form: columns of their fields; their levels
    reader, outgoing           chosen fields of many lines; lines as columns for encoders

One line and many are read by the same rules, twice for speed alone; properties of Hypothesis hold them
equal. Where no rule of many says for sure what a line has, the line is read by the rules of one.
"""
