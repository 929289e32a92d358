"""Output of the commands: lines, records, tables, bars, and how far they are.

`standard_output` writes, through a pager if there is much; `answers` chooses what an answer looks like.
"""
