"""The route of logs by OTLP.

A failed request is answered by a google.rpc.Status, in the type of the request.
"""

from http import HTTPStatus

from logsrv.kit.text.escape import one_line
from logsrv.linelog.formats.otlp.parse import PROTOBUF, add_otlp_records, count_otlp_records
from logsrv.linelog.intake.over_http.routes import Route, Routes
from logsrv.linelog.lines.bodies import Reply, RequestRefused, json_line


def routes() -> Routes:
    """Return the routes of one listener."""
    logs = Route((b"POST",), add_otlp_records, count_otlp_records, refuse_as=_refuse)
    return {"/v1/logs": (logs,)}


# google.rpc.Code by the status of HTTP.
_CODES = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.NOT_FOUND: 5,
    HTTPStatus.METHOD_NOT_ALLOWED: 12,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.NOT_IMPLEMENTED: 12,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
_UNKNOWN, _INTERNAL = 2, 13


def _refuse(refusal: RequestRefused, media: str) -> Reply:
    """Return the answer to a failed request. media: the type of its body."""
    status = refusal.status
    code = _CODES.get(HTTPStatus(status), _INTERNAL if status >= 500 else _UNKNOWN)
    why = one_line(str(refusal))
    if media == PROTOBUF:
        return Reply(status, protobuf_status(code, why), PROTOBUF, refusal.headers)
    return Reply(status, json_line(code=code, message=why), headers=refusal.headers)


def protobuf_status(code: int, message: str) -> bytes:
    """Return a google.rpc.Status. Its package may be missing here, and that is then what it says.

    code: less than 128.
    """
    text = message.encode()
    size, length = len(text), b""
    while size > 0x7F:
        length += b"%c" % (size & 0x7F | 0x80)
        size >>= 7
    length += b"%c" % size
    # Field 1, a number; field 2, a text with its length.
    return b"\x08%c\x12%b%b" % (code, length, text)
