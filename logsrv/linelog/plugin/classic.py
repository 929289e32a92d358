"""The places where syslog has always come in: port 514, and /dev/log where no other program has it."""

from __future__ import annotations

from twisted.logger import Logger

from logsrv.kit.net.bind import ListenError, check_place
from logsrv.kit.options.declare import options_of
from logsrv.linelog.plugin.settings import Listen, ListenerSettings, LoggerSettings, parse_listen

log = Logger()

PORTS = ("syslog:udp:514", "syslog:tcp:514")
DEV_LOG = "syslog:unixgram:/dev/log:mode=666"


class ClassicPlaces:
    """The listeners of `--classic-syslog`.

    /dev/log is looked at once: later it may be in use because it is ours.
    """

    def __init__(self, ports: tuple[str, ...] = PORTS, dev_log: str = DEV_LOG) -> None:
        self._ports = [parse_listen(port) for port in ports]
        self._dev_log = parse_listen(dev_log)
        self._has_dev_log: bool | None = None

    def listeners(self, settings: LoggerSettings) -> list[ListenerSettings]:
        """Return them, with the options that all listeners have; none unless they are asked for."""
        if not settings.classic_syslog:
            return []
        if self._has_dev_log is None:
            self._has_dev_log = _is_free(self._dev_log)
        places = [*self._ports, *[self._dev_log] * self._has_dev_log]
        names = options_of(ListenerSettings).keys() & options_of(LoggerSettings).keys() - {"listen"}
        shared = {name: getattr(settings, name) for name in names}
        return [ListenerSettings(listen=place, **shared) for place in places]


def _is_free(place: Listen) -> bool:
    try:
        check_place(place.endpoint)
    except ListenError as error:
        log.info(
            "--classic-syslog goes without {path}: {why}", path=place.endpoint.path, why=str(error)
        )
        return False
    return True
