r"""CEF and LEEF, in which security devices report events: a header between bars, then pairs.

Specification: ArcSight Common Event Format; IBM QRadar Log Event Extended Format 1.0 and 2.0. No pair
replaces a field of the header. Numbers in their fields are no severities of syslog, so only a name is a
level.

    one.py    parse_event
    many.py   events_in, lines_with_events: finds events among many lines

Events are rare: those that `many.py` finds are parsed one by one.

Examples:

    CEF:0|Sec|threat\|manager|1.0|100|worm stopped|10|src=10.0.0.1 msg=a longer value user=bob
        cefVersion: 0  deviceVendor: Sec  deviceProduct: threat|manager  deviceVersion: 1.0
        deviceEventClassId: 100  name: worm stopped  deviceSeverity: 10  src: 10.0.0.1
        msg: a longer value  user: bob
    LEEF:2.0|QRadar|QRM|1.0|ID|^|src=1^msg=a b=2^level=error
        leefVersion: 2.0  deviceVendor: QRadar  deviceProduct: QRM  deviceVersion: 1.0
        deviceEventClassId: ID  src: 1  msg: a b=2  level: error
"""
