r"""logfmt: at least two pairs of `key=value` or `key="a value"`, anywhere in a text.

Specification: none but the Go packages that write it. Linux' auditd writes pairs in single quotes, and a
byte 0x1d before the names that it adds. The last pair of a key counts.

    one.py      parse_logfmt, parse_trailing_pairs
    many.py     read_pairs: lines with the same keys are split at these, all at once
    levels.py   levels_of_pairs: the level alone, which is counted for each frame of a segment

Lines of auditd, and those with keys that few other lines have, are read by `one.py` alone.

Examples:

    ts=1 level=warn msg="cache \"a\" is cold" user=bob
        ts: 1  msg: cache "a" is cold  user: bob  level: warning
    login failed user=bob, why="no such user"
        user: bob  why: no such user
    type=USER_AUTH pid=7 msg='op=login acct="root" res=failed'
        type: USER_AUTH  pid: 7  op: login  acct: root  res: failed
    only=one pair
        (no fields)
"""
