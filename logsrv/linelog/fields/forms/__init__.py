"""The forms of lines, a folder each, whose `__init__` says what it is and shows lines with their fields.

    syslog, device, container      headers: what stands before the content
    json, events, access, logfmt   contents with fields
    programs                       contents in the words of sshd and PostgreSQL
    contents                       the form that a content has, of all these

In each of them `one.py` parses one line, and `many.py` lines of the form together, with NumPy or Arrow,
into columns. A test runs the examples for both, and a property holds both equal for random lines.

The modules beside the folders are for several forms: `line_kinds` tells them from each other, `pieces` puts
columns together, `line_form` and `split_lines` read lines of one shape.
"""
