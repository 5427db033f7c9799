"""One GET over urllib: bounded redirects, proxies from the environment, timeouts, and errors of ours.

Only http and https are spoken, also after redirects. Credentials in a URL are sent as basic authentication, to that
host only, and never shown.
"""

from __future__ import annotations

from scow.errors import Denied, Error, Invalid, NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any
    from urllib.request import Request

REDIRECTS = 10
TIMEOUT = 30.0
"""Seconds to connect, and for every read, unless told."""


def redact(url: str) -> str:
    """``url`` without user, password, and the values of its query, which may be a signature."""
    from urllib.parse import urlsplit, urlunsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return "(malformed URL)"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "..." if parts.query else "", ""))


class Remote:
    """The answer to a GET of ``url``: ``status`` (200, or 304 when ``headers`` ask a condition), ``headers``, ``url``
    at the end of the redirects, ``length`` (None when the server does not say), and the body to read.

    NotFound, Denied, Unavailable and Invalid say what went wrong, also from ``read``. A body that ends early is
    Unavailable.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, timeout: float = TIMEOUT) -> None:
        self._shown = redact(url)
        request = _request(url, headers or {})
        self._answer = _translated(self._shown, lambda: _opener().open(request, timeout=timeout))
        self.status: int = self._answer.status
        self.url: str = self._answer.url
        self.headers: Mapping[str, str] = self._answer.headers
        stated = self.headers.get("Content-Length", "")
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        self.length = int(stated) if stated.isascii() and stated.isdigit() and not chunked else None
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes of the body, nothing at its end."""
        data: bytes = _translated(self._shown, lambda: self._answer.read(None if size < 0 else size))
        self.size += len(data)
        if self.length is not None and self.size < self.length and (size < 0 or (size and not data)):
            raise Unavailable(f"{self._shown}: the body ended after {self.size} of {self.length} bytes")
        return data

    def close(self) -> None:
        """Close the connection."""
        self._answer.close()

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self.close()


def _request(url: str, headers: Mapping[str, str]) -> Request:
    from urllib.parse import unquote, urlsplit, urlunsplit
    from urllib.request import Request

    try:
        parts = urlsplit(url)
        _ = parts.port
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("only http and https URLs can be fetched")
        login, _, host = parts.netloc.rpartition("@")
        # The characters that a browser would escape; what is escaped already stays.
        from urllib.parse import quote

        path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        request = Request(urlunsplit((parts.scheme, host, path or "/", query, "")))  # noqa: S310
    except ValueError as e:
        raise Invalid(f"{redact(url)}: {e}") from None
    request.add_header("User-Agent", "scow")
    request.add_header("Accept-Encoding", "identity")
    for name, text in headers.items():
        request.add_header(name, text)
    if login:
        import binascii

        user, _, password = login.partition(":")
        word = binascii.b2a_base64(f"{unquote(user)}:{unquote(password)}".encode(), newline=False).decode()
        request.add_unredirected_header("Authorization", f"Basic {word}")
    return request


def _opener() -> Any:
    """Only what is needed: not urllib's default, which would also open ftp, file and data."""
    from urllib import request as r

    class Redirects(r.HTTPRedirectHandler):
        max_redirections = REDIRECTS
        max_repeats = 2

        def redirect_request(self, req: Request, *rest: Any) -> Request | None:
            newer = super().redirect_request(req, *rest)
            if newer is not None:
                if newer.type not in ("http", "https"):
                    raise Invalid(f"{redact(req.full_url)} redirects to {redact(newer.full_url)}")
                if newer.host != req.host or newer.type != req.type:
                    newer.remove_header("Authorization")
                    newer.remove_header("Cookie")
            return newer

    opener = r.OpenerDirector()
    for handler in (
        r.ProxyHandler,
        r.HTTPHandler,
        r.HTTPSHandler,
        Redirects,
        r.HTTPErrorProcessor,
        r.HTTPDefaultErrorHandler,
        r.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _translated(shown: str, call: Any) -> Any:
    """What ``call`` returns, its errors as ours."""
    import http.client
    from urllib.error import HTTPError, URLError

    try:
        return call()
    except HTTPError as e:
        if e.code == 304:
            return e
        e.close()
        raise _refusal(e.code, f"{shown}: {_line(e.reason)}") from None
    except http.client.IncompleteRead:
        raise Unavailable(f"{shown}: the body is truncated") from None
    except http.client.HTTPException as e:
        raise Unavailable(f"{shown}: the server's answer is no HTTP ({type(e).__name__})") from None
    except TimeoutError:
        raise Unavailable(f"{shown}: timed out") from None
    except URLError as e:
        raise _failure(shown, e.reason) from None
    except (OSError, ValueError) as e:
        raise _failure(shown, e) from None


def _line(reason: object) -> str:
    """The server's words, fit for a message."""
    return "".join(c for c in str(reason).partition("\n")[0][:200] if c.isprintable()) or "no reason given"


def _refusal(code: int, message: str) -> Error:
    """The error for an HTTP status."""
    message = f"{message} (HTTP {code})"
    if code in (404, 410):
        return NotFound(message)
    if code in (401, 403, 407):
        return Denied(message)
    if code >= 500 or code in (408, 425, 429):
        return Unavailable(message)
    if code // 100 == 3:
        return Unavailable(message, hint=f"more than {REDIRECTS} redirects are not followed")
    return Invalid(message)


def _failure(shown: str, reason: object) -> Error:
    import ssl

    if isinstance(reason, ssl.SSLCertVerificationError):
        return Denied(
            f"{shown}: {reason.verify_message}",
            hint="set SSL_CERT_FILE to the certificates that you trust",
        )
    if isinstance(reason, TimeoutError):
        return Unavailable(f"{shown}: timed out")
    if isinstance(reason, OSError):
        return Unavailable(f"{shown}: {(reason.strerror or str(reason)).lower()}")
    return Unavailable(f"{shown}: {_line(reason)}")
