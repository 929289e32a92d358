"""What an object keeps of its users, compared before they came and after they left."""

from collections import deque

# Numbers that only grow: of the last viewer, of messages that were given up.
TOTALS = ("_last", "given_up")


def kept(*counting: object, within: bool = False) -> dict[str, int]:
    """Return the numbers of objects, and how many entries each of their containers has.

    within: of our objects inside them, too.
    """
    found: dict[str, int] = {}
    for at, one in enumerate(counting):
        slots = (getattr(base, "__slots__", ()) for base in type(one).__mro__)
        for name in {*getattr(one, "__dict__", ()), *(name for names in slots for name in names)}:
            value = getattr(one, name, None)
            if isinstance(value, dict | set | deque):
                found[f"{at}.{name}"] = len(value)
            elif isinstance(value, int) and name not in TOTALS:
                found[f"{at}.{name}"] = value
            elif within and type(value).__module__.startswith("logsrv."):
                found |= {f"{at}.{name}.{key}": size for key, size in kept(value).items()}
    return found
