"""Lines from bytes in any pieces: split, limited in length, cleaned; and records, made of lines (no I/O).

`LineFramer` is for authors of inputs.
"""

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
