"""Outside text made safe: escaping, file names, moments, words a person may have meant; sans-IO.

Only the status line writes: to the terminal that it is given.
"""
