r"""The content of a line, without its header: which of the forms it has, and its fields.

Specification: the first form counts in the order JSON, events, access log, pairs with the words of
programs. A content of none of them is plain text without fields.

    one.py      parse_text: all forms but JSON, which `parsed_line.py` tries first
    many.py     ContentColumns: finds the lines of each form, and gives them to its `many.py`
    wanted.py   wanted_in_lines: the lines that may have a wanted field at all

Examples:

    CEF:0|Sec|tm|1.0|101|login|3|user=bob x - - [20/Nov/2026:06:18:42 +0000] "GET / H" 200 5
        cefVersion: 0  deviceVendor: Sec  deviceProduct: tm  deviceVersion: 1.0
        deviceEventClassId: 101  name: login  deviceSeverity: 3
        user: bob x - - [20/Nov/2026:06:18:42 +0000] "GET / H" 200 5
    10.0.0.9 - - [20/Nov/2026:06:18:42 +0000] "GET /?a=1 b=2 HTTP/1.1" 200 5
        client: 10.0.0.9  method: GET  path: /?a=1 b=2  protocol: HTTP/1.1  status: 200  bytes: 5
        level: info
    Accepted publickey for eve from ::1 port 5 ssh2 a=1 b=2
        user: eve  client: ::1  client_port: 5  a: 1  b: 2
    cache is cold
        (no fields)
"""
