"""Pieces of messages of every kind, to be put together to usual and odd messages."""

from hypothesis import strategies as st

ACCESS = b'10.0.0.9 - bob [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 200 5 "-" "x=1 user=2"'
HAPROXY = (
    b"10.0.1.2:333 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 503 2750 - - ----"
    b' 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"'
)
VHOST = b'shop.example:443 ::1 - - [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 200 5'
OLD = b"<34>Nov 20 06:18:42 web sshd[77]: "
NEW = b"<165>1 2026-11-20T06:18:42Z web shop 77 ID9 "
FILE = b"Nov 20 06:18:42 web sshd[77]: "
PIECES = st.sampled_from(
    [OLD, NEW, FILE, ACCESS, HAPROXY, VHOST, VHOST, b"Failed password for bob from ", b"1.2.3.4 port 22",
     b"Connection closed by ", b"user=5, ", b'a="1", ', b"LOG:  duration: ", b"12.5 ms ",
     b"Microsoft Word[7]: ", b"<34>", b"<191>", b"<192>", b"<007>", b"1 ", b"- ", b'[x a="1" user="2"] ',
     b"Nov 20 06:18:42 ", b"Nov  1 06:18:42 ", b"2026-11-20T06:18:42Z ", b"web ", b"ERROR ", b"sshd[77]: ",
     b"sshd: ", b"sshd[]: ", b"sshd[7] ", b"\x00", b"\\x00", b"{", b"}", b'{"a":1}',
     b'{"user":"u","a":{"b":2}}',
     b'{"service":"s","resource":{"service.name":"r"}}', b'{"name":"n","level":"info","app":null}',
     b'{"\\u0061":1.50}', b'{"a":[1,null,{"b":2}]}', b'{"a":123456789012345678901234567890}',
     b'{"a":1,"a":"2"}', b'{"a":007}', b'{"app":true,"a":0.5,"service":{"name":"x"}}',
     b" ", b"\t", b"\r", b"\x0b", b'"', b"\\", b"=", b"a=", b"a=1 ", b"user=", b"user=bob ", b'user="b c" ',
     b'msg="a=3 user=4" ', b'b="\\"" ', b"a.b=5 ", b"fields.a=6 ", b"app=7 ",
     b"service=shop ", b"host=h ", b"name=n ", b"level=info ", b"tag=t, ", b'_pid="4" ',
     b"x.a=8 ", b"syslog.app=9 ",
     b"status=500 ", b"status_class=x ", b'{"status":404}',
     b'{"status":"99"}', b'a=" ', b'foo!="a=1 ', b"\xff", "\u00e9=1 ".encode(), b"[",
     b"CEF:0|a|b|c|d|e|5|", b"CEF: 0|", b"a|b|", b"|level=error ", b"LEEF:1.0|a|b|c|d|",
     b"LEEF:2.0|a|b|c|d|^|", b"\\x1d", b"\x1dUID=5 ", b"msg='", b"res=failed'", b"'", b"^", b"\\=", b"\\|",
     b"  ", b"- ", b"Bob Smith ", b"level=error ", b"]", b'] "', b"text"]
)  # fmt: skip
