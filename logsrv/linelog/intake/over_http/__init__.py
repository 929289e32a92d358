"""The shared part of formats over HTTP: the server of the `http` input, its routes, and bodies of requests.

    http_format.py       the plugin of a format, and the table of all
    routes.py            which methods each path has, and how its bodies become records
    input.py             connections, and the input itself; request.py a request, body.py a body
    kept_body.py         bodies that are kept until they are whole; parse.py unpacks and parses them
    structured_body.py   bodies of JSON and protobuf, otlp_keys.py those with the keys of OTLP

`logsrv.inputs` offers what authors of formats need.
"""
