"""The doctor: whether a store is whole, what is lost if it is not, and what can be repaired.

    findings.py   what is found, and its remedy
    examine.py    the order of the checks; each finding is looked at again before it counts
    aside.py, salvage.py, identified.py     remedies; the other files are checks

Nothing is written but by a remedy, and nothing is removed: what a remedy replaces is kept aside as
`….damaged`.
"""
