r"""The prefixes of container runtimes and their tools before each line of a container.

Specification: the log format of Kubernetes' Container Runtime Interface (containerd, CRI-O); what
`docker compose logs`, `kubectl logs --prefix` and `docker logs --timestamps` print.

    one.py    parse_container_prefix
    many.py   CRI_LINE: lines of the Container Runtime Interface; are_of_containers: lines that may be such

Only `one.py` reads the prefixes of the tools. Parts of a long line, `P` instead of `F`, are put together by
`continuations/parts.py`.

Examples:

    2026-11-20T06:18:42.123456789Z stdout F cache is cold
        timestamp: 2026-11-20T06:18:42.123456789Z  text: cache is cold
    2026-11-20T06:18:42.123456789Z stderr F {"level":"error","user":"bob"}
        timestamp: 2026-11-20T06:18:42.123456789Z  user: bob  level: error
    web-1  | 2026-11-20T06:18:42.123456789Z cache is cold
        app: web-1  timestamp: 2026-11-20T06:18:42.123456789Z  text: cache is cold
    [pod/shop-7d9/web] cache is cold
        hostname: shop-7d9  app: web  text: cache is cold
"""
