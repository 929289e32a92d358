r"""Access logs of nginx, Apache and HAProxy.

Specification: Apache's Common and Combined Log Format, with or without a virtual host before the client
(`vhost_combined`); HAProxy's `option httplog`. Behind the known fields, pairs `key=value` are fields too;
any other text there is ignored. A field with `-` is missing. The level is that of the status: 5xx is an
error, 4xx a warning, any other is info; behind a header of syslog the worse of both.

    one.py        parse_access, level_of_access_log
    many.py       read_access_lines: lines of Apache's formats, split at quotes and spaces
    statuses.py   levels_of_statuses: the level alone, which is counted for each frame of a segment

Only `one.py` reads HAProxy's lines, and those with several spaces, with another zone, or with a user of
several words or of none.

Examples:

    10.0.0.9 - bob [20/Nov/2026:06:18:42 +0000] "GET /a?x=1 HTTP/1.1" 200 512
        client: 10.0.0.9  user: bob  method: GET  path: /a?x=1  protocol: HTTP/1.1  status: 200
        bytes: 512  level: info
    shop.example:443 ::1 - - [20/Nov/2026:06:18:42 +0000] "POST /b HTTP/2" 404 - "-" "curl/8" rt=0.1
        vhost: shop.example  vhost_port: 443  client: ::1  method: POST  path: /b  protocol: HTTP/2
        status: 404  agent: curl/8  rt: 0.1  level: warning
    10.0.0.9  -  bob  [20/Nov/2026:06:18:42 +0000]  "GET /a HTTP/1.1"  503  5
        client: 10.0.0.9  user: bob  method: GET  path: /a  protocol: HTTP/1.1  status: 503  bytes: 5
        level: error
    10.0.1.2:333 [06/Feb/2026:12:14:14.655] web app/s1 10/0/30/69/109 503 5 - - ---- 1/1/1/1/0 0/0 "GET /"
        client: 10.0.1.2  client_port: 333  frontend: web  backend: app  server: s1  duration_ms: 109
        status: 503  bytes: 5  termination: ----  method: GET  path: /  level: error
"""
