"""Connections kept per host, and single exchanges over them with redirects followed.

Thread-safe. ``interrupt`` ends whatever is under way, also what only waits.
"""

from __future__ import annotations

import threading

from scow.errors import Denied, Error, Invalid, Unavailable
from scow.registry.connection import PORTS, Answer, Closed, Connection, Target
from scow.registry.endpoint import listed, split
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from scow.registry.settings import Settings

REDIRECTS = 10
IDLE = 8
"""Unused connections kept for one host."""
_SECRET = ("authorization", "cookie")
_NONE: Mapping[str, str] = {}


@value
class Request:
    """One request. ``path`` begins with a slash and includes the query; ``body`` may be called again."""

    method: str
    target: Target
    path: str
    headers: Mapping[str, str] = _NONE
    body: Callable[[Connection], None] | None = None

    @property
    def shown(self) -> str:
        """What messages call it: never the query, which may be a signature."""
        return f"{self.method} {self.target}{self.path.partition('?')[0]}"


class Transport:
    """All connections of one command."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._idle: dict[Target, list[Connection]] = {}
        self._live: set[Connection] = set()
        self._contexts: dict[tuple[str, bool], ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def exchange(self, request: Request) -> Answer:
        """Send ``request`` and follow redirects; the final answer, to be closed. Lost, Denied, Unavailable.

        Only GET and HEAD are redirected. What authorises us goes to no other host, and from https nothing goes on to
        plain http.
        """
        for _ in range(REDIRECTS + 1):
            answer = self._once(request)
            if answer.status not in (301, 302, 303, 307, 308) or request.method not in ("GET", "HEAD"):
                return answer
            place = answer.headers.get("Location", "")
            answer.close()
            if not place:
                raise Unavailable(f"{request.shown}: redirected to nowhere")
            request = self._redirected(request, place)
        raise Unavailable(f"{request.shown}: stopped after {REDIRECTS} redirects")

    def _redirected(self, request: Request, place: str) -> Request:
        target, path = locate(place, request.target, request.path)
        if request.target.scheme == "https" and target.scheme == "http":
            raise Denied(f"{request.shown}: redirected from https to {target}, which is not followed")
        headers = request.headers
        if target != request.target:
            headers = {name: text for name, text in headers.items() if name.lower() not in _SECRET}
        return replace(request, target=target, path=path, headers=headers)

    def _once(self, request: Request) -> Answer:
        connection, used = self._take(request.target)
        try:
            answer = connection.send(request.method, request.path, request.headers, request.body)
        except Closed:
            self._release(connection, usable=False)
            self.check()
            if used and request.body is None:
                return self._once(request)  # it was idle for too long: no failure, and no answer that could be lost
            raise
        except BaseException:
            self._release(connection, usable=False)
            self.check()
            raise
        answer.released = lambda c, usable: self._release(c, usable=usable)
        return answer

    def _take(self, target: Target) -> tuple[Connection, bool]:
        """A connection, and whether it served before."""
        self.check()
        with self._lock:
            idle = self._idle.get(target, [])
            while idle:
                connection = idle.pop()
                if not connection.stale():
                    self._live.add(connection)
                    return connection, True
                connection.close()
        made = self._connect(target)
        with self._lock:
            self._live.add(made)
        return made, False

    def _connect(self, target: Target) -> Connection:
        proxy = None
        if self.settings.proxies:
            from scow.registry.proxy import proxy_for

            proxy = proxy_for(target.scheme, target.host, target.port, self.settings.proxies)
        context = self.context(target) if target.scheme == "https" else None
        return Connection(target, self.settings.limits, proxy, context)

    def context(self, target: Target) -> ssl.SSLContext:
        """The TLS context for a host, made once. Invalid if its certificates cannot be used."""
        from scow.registry import tls
        from scow.registry.endpoint import is_loopback

        insecure = is_loopback(target.host) or listed(target.host, target.port, self.settings.insecure)
        key = (target.authority, insecure)
        with self._lock:
            if key not in self._contexts:
                self._contexts[key] = tls.context(target.authority, self.settings.certificates, verify=not insecure)
            return self._contexts[key]

    def _release(self, connection: Connection, *, usable: bool) -> None:
        with self._lock:
            self._live.discard(connection)
            idle = self._idle.setdefault(connection.target, [])
            if usable and len(idle) < IDLE and not self._stopped.is_set():
                idle.append(connection)
                return
        connection.close()

    def wait(self, seconds: float) -> None:
        """Sleep, unless interrupted."""
        self._stopped.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise Unavailable after an interrupt."""
        if self._stopped.is_set():
            raise Unavailable("interrupted")

    def interrupt(self) -> None:
        """End all exchanges and waits of other threads, now and later."""
        self._stopped.set()
        with self._lock:
            live = list(self._live)
        for connection in live:
            connection.interrupt()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle = [c for found in self._idle.values() for c in found]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def locate(place: str, base: Target, path: str = "/") -> tuple[Target, str]:
    """Target and path of a URL or of a reference relative to another's. Invalid for anything but http and https."""
    from urllib.parse import quote, urljoin, urlsplit

    try:
        parts = urlsplit(urljoin(f"{base}{path}", place))
        if parts.scheme not in PORTS:
            raise ValueError("only http and https are spoken")
        host, port = split(parts.netloc.rpartition("@")[2])
    except (ValueError, Error) as e:
        raise Invalid(f"{base}: refers to a malformed address: {e}") from None
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    where = quote(parts.path, safe="/%:@!$&'()*+,;=~-._") or "/"
    return Target(parts.scheme, host, port or PORTS[parts.scheme]), f"{where}?{query}" if query else where
