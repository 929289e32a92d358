"""The backup of a store beside its server, and the way back.

cutting.py      a place in the store, and what else is of the same moment
copying.py      a file by a second name or by a copy that is compared
superseding.py  texts of which more has come by now
taking.py       all of a store, up to that place
"""
