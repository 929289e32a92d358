r"""The header of syslog before a content: with a priority, or as syslog daemons write it to files.

Specification: RFC 5424; RFC 3164 as senders really write it. Values keep the sender's text: `timestamp` is
not parsed. A part that is `-`, or omitted, is a missing field. The level is that of the priority, unless
the content has one in a field.

    one.py           parse_syslog_header; also calls the parsers of devices and containers
    many.py          HeaderColumns: headers of the four usual forms, each read by one expression
    line_forms.py    these expressions, and those for structured data
    text_starts.py   ends_of_headers: where the text begins, for the level alone

Only `one.py` reads headers of devices, those with a year, a weekday or a fraction, and those that lack a
part.

Examples:

    <34>Nov 20 06:18:42 web1 sudo[77]: session opened
        facility: auth  severity: crit  timestamp: Nov 20 06:18:42  hostname: web1  app: sudo  pid: 77
        text: session opened  level: critical
    <165>1 2026-11-20T06:18:42Z web1 shop 77 ID9 [x@1 user="\"bob\""] cache is cold
        facility: local4  severity: notice  timestamp: 2026-11-20T06:18:42Z  hostname: web1  app: shop
        pid: 77  msgid: ID9  x@1.user: "bob"  text: cache is cold  level: notice
    Nov 20 06:18:42 web1 shop[77]: {"level":"error","user":"bob"}
        timestamp: Nov 20 06:18:42  hostname: web1  app: shop  pid: 77  user: bob  level: error
    <13>cache is cold
        facility: user  severity: notice  text: cache is cold  level: notice
"""
