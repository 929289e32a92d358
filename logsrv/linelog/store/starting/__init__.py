"""The first seconds of a store: what the last process left half done is finished or taken back.

`recover` finds the last whole line, `tidy` looks at each other file, `torn` tells half a line from a whole
one; `making` marks the files that are being made.
"""
