"""The type of a dialled connection, for `context`, which cannot import `stream`: that imports it."""

from logsrv.kit.protocols._stream import Connection as Connection
