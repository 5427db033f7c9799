"""One HTTP/1.1 connection, direct or through a proxy, and the answer on it."""

from __future__ import annotations

import errno
import select
import socket
import time

from scow.errors import Corrupt, Denied, Error, Unavailable
from scow.registry.endpoint import authority
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from http.client import HTTPConnection, HTTPResponse
    from typing import NoReturn, Protocol

    from scow.registry.proxy import Proxy
    from scow.registry.settings import Limits

    class Headers(Protocol):
        """Headers by name, in whatever case."""

        def get(self, name: str, default: str, /) -> str:
            """The text of a header."""
            ...


PORTS = {"http": 80, "https": 443}
DRAIN = 1 << 16
"""How much of an unwanted body is read so that its connection can be used again."""
PIECE = 1 << 16


class Lost(Unavailable):
    """The connection failed or stalled. ``reached``: the server had been connected to, so another try may help."""

    def __init__(self, message: str, hint: str | None = None, *, reached: bool = True) -> None:
        super().__init__(message, hint)
        self.reached = reached


class Closed(Lost):
    """The server closed the connection before it answered."""


class NoHttp(Lost):
    """What answers does not speak this protocol."""


@value
class Target:
    """What a connection leads to: ``http`` or ``https``, host without brackets, port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As in URLs and the Host header: without the scheme's own port."""
        return authority(self.host, None if self.port == PORTS[self.scheme] else self.port)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Connection:
    """A connection to ``target``; it is made at once. Lost, Denied (certificates)."""

    def __init__(self, target: Target, limits: Limits, proxy: Proxy | None, context: ssl.SSLContext | None) -> None:
        import http.client

        self.target = target
        self.limits = limits
        self._proxy = proxy
        at = (proxy.host, proxy.port) if proxy else (target.host, target.port)
        self._http: HTTPConnection
        if context is not None:
            self._http = http.client.HTTPSConnection(*at, timeout=limits.connect, context=context)
            if proxy:
                given = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
                self._http.set_tunnel(target.host, target.port, given)
        else:
            self._http = http.client.HTTPConnection(*at, timeout=limits.connect)
        try:
            self._http.connect()
        except (OSError, http.client.HTTPException) as e:
            self._http.close()
            raise _unreachable(e, target, proxy) from None
        self._http.sock.settimeout(limits.read)

    def stale(self) -> bool:
        """Whether the server has closed an idle connection, or said something that nobody asked for."""
        sock = self._http.sock
        if sock is None:
            return True
        poll = select.poll()
        poll.register(sock, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(0))

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: Callable[[Connection], None] | None
    ) -> Answer:
        """One request and the head of its answer. ``body`` calls ``write``. Lost."""
        import http.client

        plain_proxy = self._proxy if self.target.scheme == "http" else None
        shown = f"{method} {self.target}{path.partition('?')[0]}"
        try:
            self._http.putrequest(
                method, f"{self.target}{path}" if plain_proxy else path, skip_host=True, skip_accept_encoding=True
            )
            for name, text in {"Host": self.target.authority, **headers}.items():
                self._http.putheader(name, text)
            if plain_proxy and plain_proxy.authorization:
                self._http.putheader("Proxy-Authorization", plain_proxy.authorization)
            self._http.endheaders()
            early = self._send_body(body)
            answer = self._http.getresponse()
            # Whoever refuses a body may not have read it: what follows on this connection would be taken for the rest.
            return Answer(self, answer, shown, early=early or (body is not None and answer.status >= 400))
        except (OSError, http.client.HTTPException, ValueError) as e:
            self.close()
            fail(e, shown, self.limits)

    def _send_body(self, body: Callable[[Connection], None] | None) -> bool:
        """Whether the server stopped listening: then it has perhaps said why."""
        if body is None:
            return False
        try:
            body(self)
        except (BrokenPipeError, ConnectionResetError):
            return True
        return False

    def write(self, data: bytes | memoryview) -> None:
        """Send a part of a body."""
        self._http.sock.sendall(data)

    def interrupt(self) -> None:
        """Let whoever waits for this connection fail at once; may be called from any thread."""
        sock = self._http.sock
        if sock is not None:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        """Close it; harmless when done already."""
        self._http.close()


class Answer:
    """Status, headers and body of an answer. ``close`` it: a connection whose body was read serves again."""

    def __init__(self, connection: Connection, answer: HTTPResponse, shown: str, *, early: bool = False) -> None:
        self.status: int = answer.status
        self.reason: str = answer.reason
        self.headers: Headers = answer.headers
        self.shown = shown
        self.connection = connection
        self.released: Callable[[Connection, bool], None] | None = None
        """Called once at the end with the connection and whether it can be used again."""
        self._answer = answer
        self._early = early

    @property
    def length(self) -> int | None:
        """The body's length in bytes as the header says it, None if it does not."""
        stated = self.headers.get("Content-Length", "").strip()
        return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 20 else None

    def readinto(self, buffer: memoryview) -> int:
        """Some bytes of the body, 0 at its end. Lost if it is cut short."""
        import http.client

        missing = self._answer.length
        try:
            n = self._answer.readinto(buffer)
        except (OSError, http.client.HTTPException, ValueError) as e:
            fail(e, self.shown, self.connection.limits)
        if not n and missing and len(buffer):
            raise Lost(f"{self.shown}: the connection ended {missing} bytes too early")
        return n

    def small(self, limit: int) -> bytes:
        """The whole body; Corrupt if it is longer than ``limit`` bytes, Lost if it takes too long."""
        if self.length is not None and self.length > limit:
            raise Corrupt(f"{self.shown}: {self.length} bytes are more than the limit of {limit}")
        until = time.monotonic() + self.connection.limits.document
        whole = bytearray()
        buffer = memoryview(bytearray(PIECE))
        while n := self._some(buffer):
            whole += buffer[:n]
            if len(whole) > limit:
                raise Corrupt(f"{self.shown}: more than the limit of {limit} bytes")
            if time.monotonic() > until:
                raise Lost(f"{self.shown}: took longer than {self.connection.limits.document:.0f} s")
        return bytes(whole)

    def _some(self, buffer: memoryview) -> int:
        """What one receive gives: ``readinto`` waits until the buffer is full, which a trickle makes a long time.

        Not ``read1``: until Python 3.13 it forgets to count (gh-113199).
        """
        import http.client

        missing = self._answer.length
        if missing == 0:
            return 0
        try:
            ready = len(self._answer.peek(len(buffer))) or 1
            data = self._answer.read(min(ready, len(buffer), missing or ready))
        except (OSError, http.client.HTTPException, ValueError) as e:
            fail(e, self.shown, self.connection.limits)
        if not data and missing:
            raise Lost(f"{self.shown}: the connection ended {missing} bytes too early")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let go of the body."""
        done, self.released = self.released, None
        if done is None:
            return
        rest = self._answer.length
        if rest == 0:
            self._answer.close()  # nothing is left; this frees the connection and does not end it
        if not self._answer.isclosed() and not self._early and rest is not None and 0 < rest <= DRAIN:
            try:
                self.small(DRAIN)
            except Error:
                pass
        usable = self._answer.isclosed() and not self._answer.will_close and not self._early
        done(self.connection, usable)

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fail(e: Exception, shown: str, limits: Limits) -> NoReturn:
    """Raise the Lost that an exception of the network means."""
    import http.client

    if isinstance(e, TimeoutError):
        raise Lost(f"{shown}: nothing came for {limits.read:g} s") from None
    if isinstance(e, http.client.IncompleteRead):
        raise Lost(f"{shown}: the server closed the connection") from None
    if isinstance(e, (ConnectionResetError, BrokenPipeError)):  # RemoteDisconnected is one of the first
        raise Closed(f"{shown}: the server closed the connection") from None
    if isinstance(e, (http.client.HTTPException, ValueError)):
        raise NoHttp(f"{shown}: the answer is no HTTP ({type(e).__name__})") from None
    raise Lost(f"{shown}: {_words(e)}") from None


def _words(e: Exception) -> str:
    return ((isinstance(e, OSError) and e.strerror) or str(e) or type(e).__name__).lower()


def _unreachable(e: Exception, target: Target, proxy: Proxy | None) -> Error:
    """The error for a connection that could not be made."""
    import ssl

    via = f" (through the proxy {proxy.host}:{proxy.port})" if proxy else ""
    where = f"{target}{via}"
    if isinstance(e, ssl.SSLCertVerificationError):
        text = f"{where}: tls: failed to verify certificate: {e.verify_message}"
        return Denied(text, hint=f"put the authority's certificate into /etc/docker/certs.d/{target.authority}/ca.crt")
    if isinstance(e, ssl.SSLError):
        return NoHttp(f"{where}: tls: {(e.reason or str(e)).lower().replace('_', ' ')}", reached=False)
    if isinstance(e, socket.gaierror):
        again = e.errno == socket.EAI_AGAIN
        return Lost(f"{where}: lookup {proxy.host if proxy else target.host}: {_words(e)}", reached=again)
    if isinstance(e, TimeoutError):
        return Lost(f"{where}: connection timed out")
    reached = isinstance(e, OSError) and e.errno in (errno.ECONNRESET, errno.EPIPE, errno.EAGAIN)
    return Lost(f"{where}: {_words(e)}", reached=reached)
