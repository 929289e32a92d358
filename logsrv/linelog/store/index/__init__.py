"""The index of a sealed segment: where its frames, times, levels and continuation lines are.

`segment_index` is the file as it is written and read, `indexing` makes one of the lines. A frame begins in
the middle of a record: `text_before` reads the lines before it, `kept_continuations` are what is noted.
"""
