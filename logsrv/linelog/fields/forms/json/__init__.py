r"""JSON objects, one in a line.

Specification: RFC 8259; NaN, Infinity and bare TABs are accepted too. A field of an object in the object
has a name with a dot. Numbers keep the text that the sender wrote. The level is that of the first key of
`known_keys` that holds one.

    one.py        parse_json, look_up_field, flatten_object
    many.py       ObjectColumns: objects with the same keys are transposed at once
    decimals.py   finds the decimals that orjson would write in another way
    levels.py     levels_of_objects: the level alone, which is counted for each frame of a segment

Lines that orjson refuses, and keys that exist both with a dot and nested, are read by `one.py` alone.

Examples:

    {"level":"warn","user":"bob","took":1.50,"http":{"status":404}}
        level: warning  user: bob  took: 1.50  http.status: 404
    {"time":"2026-11-20T06:18:42Z","severity":"ERROR","ok":true,"n":12345678901234567890123}
        time: 2026-11-20T06:18:42Z  severity: ERROR  ok: true
        n: 12345678901234567890123  level: error
    {"t":{"$date":"2026-11-20T06:18:42Z"},"s":"W","c":"NETWORK","id":1}
        t.$date: 2026-11-20T06:18:42Z  s: W  c: NETWORK  id: 1  level: warning
"""
