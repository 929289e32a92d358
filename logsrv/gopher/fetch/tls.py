"""TLS as bytes in and bytes out, with the checks of trust and pins and their error messages."""

from __future__ import annotations

import ssl
from hashlib import sha256

from logsrv.gopher.fetch.connection_options import Trust
from logsrv.gopher.wire.errors import TLSError
from logsrv.gopher.wire.url import GopherURL

_CHUNK = 256 * 1024
# OpenSSL's reasons for an answer that is not TLS.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
# X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_OTHER_NAMES = (62, 64)


class TLSLayer:
    """The TLS of one connection.

    ready: the handshake is done, and the server is trusted. closed: the server sent TLS's close.
    """

    __slots__ = ("_incoming", "_outgoing", "_tls", "_trust", "_url", "closed", "ready")

    def __init__(self, context: ssl.SSLContext, trust: Trust, url: GopherURL) -> None:
        self._trust = trust
        self._url = url
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=url.host)
        self.ready = False
        self.closed = False

    def take_outgoing(self) -> bytes:
        """Return the bytes to send to the server now; each is returned once."""
        return self._outgoing.read()

    def queue_encrypted(self, data: bytes) -> None:
        """Encrypt `data` and add it to the outgoing bytes; only when `ready`."""
        self._tls.write(data)

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the server, and return the decrypted bytes.

        Raises TLSError for a server that is not trusted; OSError, ConfigurationError for the file of pins.
        """
        self._incoming.write(data)
        if not self.ready and not self._continue_handshake():
            return b""
        pieces = []
        try:
            while piece := self._tls.read(_CHUNK):
                pieces.append(piece)
            self.closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise TLSError(self._url.address, _tls_reason(error)) from error
        return b"".join(pieces)

    def _continue_handshake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            reason = f"no authority that is trusted here vouches for it: {error.verify_message}"
            if error.verify_code in _OTHER_NAMES:
                reason = f"its certificate is for other names than {self._url.host}"
            raise TLSError(self._url.address, reason) from error
        except ssl.SSLError as error:
            reason = "it does not speak TLS on this port; try gopher:// instead of gophers://"
            if error.reason not in _NOT_TLS:
                reason = _tls_reason(error)
            raise TLSError(self._url.address, reason) from error
        if self._trust.pins is not None:
            shown = self._tls.getpeercert(binary_form=True) or b""
            self._trust.pins.check_or_pin(self._url.address, sha256(shown).hexdigest())
        self.ready = True
        return True


def _tls_reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
