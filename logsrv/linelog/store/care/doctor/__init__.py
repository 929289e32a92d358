"""The doctor: whether a store is whole, what is lost if it is not, and what can be repaired.

    findings.py   the table of what is found: what, and what to do
    examine.py    the order of the checks; each finding is looked at once more before it counts
    packed.py, plain.py, notes.py     the checks
    aside.py, salvage.py              remedies

Nothing is written but by a remedy, and nothing is removed: what a remedy replaces is kept aside as
`….damaged`.
"""
