"""`NamedTuple`, made in a fifth of the time that loading `typing` takes.

For what every search loads: one for a rare word is over in the time of a few imports. To type checkers
it is the one of `typing`, and it is made of the same `namedtuple`.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:

    class _Made(type):
        def __new__(cls, name, bases, space):
            fields = space["__annotations__"]
            defaults = [space[field] for field in fields if field in space]
            made = namedtuple(name, fields, defaults=defaults, module=space["__module__"])
            for key, value in space.items():
                if key not in made._fields and key != "__qualname__":
                    setattr(made, key, value)
            return made

    NamedTuple = type.__new__(_Made, "NamedTuple", (), {})
