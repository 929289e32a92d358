"""Numbers that a dict compares with all others: CPython's hash of an integer is the integer."""

# The table that a dict of so many keys has.
_TABLE = 1 << 16
_ROW = 43_600
# Its first places in the table are all in the row, and then it is at the beginning of that.
_WALKER = 934_287_433


def numbers(walks: int) -> list[int]:
    """Return numbers below 2^31: a row in the order of the search for a place, and one that walks it."""
    place, row = 0, []
    for _ in range(_ROW):
        row.append(place)
        place = (5 * place + 1) % _TABLE
    return [*row, *[_WALKER] * walks]
