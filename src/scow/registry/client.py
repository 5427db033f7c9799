"""Requests to one registry: authorised, repeated where that may help, and judged."""

from __future__ import annotations

import threading

from scow.registry import failures, tls
from scow.registry.auth import Authority, merged
from scow.registry.connection import PORTS, Lost, NoHttp, Target
from scow.registry.retry import Patience, Sender, retry_after
from scow.registry.transport import Request, locate
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scow.registry.connection import Answer, Connection
    from scow.registry.credentials import Login
    from scow.registry.endpoint import Endpoint
    from scow.registry.transport import Transport

AGENT = "scow"
_NONE: Mapping[str, str] = {}
_SNIFF = 4096


@value
class Call:
    """One request to a registry. ``path`` is absolute (``/v2/...``) or a whole URL; ``scopes`` what it needs.

    ``repeat``: it may be sent again when it is not known whether it arrived.
    """

    method: str
    path: str
    repository: str = ""
    scopes: frozenset[str] = frozenset()
    headers: Mapping[str, str] = _NONE
    body: Callable[[Connection], None] | None = None
    repeat: bool = True


class Client:
    """One registry. ``find`` gives the login for a repository. Thread-safe."""

    def __init__(self, endpoint: Endpoint, transport: Transport, find: Callable[[str], Login | None]) -> None:
        self.endpoint = endpoint
        self.transport = transport
        self.sender = Sender(transport)
        self.authority = Authority(self.sender, find, plain=endpoint.plain)
        self._base: Target | None = None
        self._lock = threading.Lock()

    @property
    def base(self) -> Target:
        """Scheme, host and port; where plain HTTP is allowed, found out by asking."""
        with self._lock:
            if self._base is None:
                self._base = self._probed() if self.endpoint.plain else self._target("https")
            return self._base

    def _target(self, scheme: str) -> Target:
        return Target(scheme, self.endpoint.host, self.endpoint.port or PORTS[scheme])

    def _probed(self) -> Target:
        """Loopback registries mostly speak plain HTTP, other insecure ones TLS: that is tried first."""
        certified = tls.directory(self.endpoint.authority, self.transport.settings.certificates)
        if certified:
            return self._target("https")
        order = ("http", "https") if self.endpoint.loopback else ("https", "http")
        found = next(filter(self._answers, map(self._target, order)), None)
        # Where neither answers, the request itself is what fails, after all its tries.
        return found or self._target(order[0])

    def _answers(self, target: Target) -> bool:
        """Whether HTTP is spoken there: a TLS server tells plain requests so with status 400, or hangs up."""
        try:
            answer = self.transport.exchange(Request("GET", target, "/v2/", {"User-Agent": AGENT}))
        except Lost:
            return False
        with answer:
            if answer.status == 401:
                self.authority.learn(target, answer.headers, frozenset(), "")
            return answer.status != 400 or b"https" not in answer.small(_SNIFF).lower()

    def call(self, call: Call) -> Answer:
        """The answer, whatever its status. Lost if there was none; Denied in a token server's words."""
        base = self.base
        patience = Patience(self.transport)
        while True:
            try:
                answer = self._authorized(call, base)
            except Lost as e:
                if not call.repeat or isinstance(e, NoHttp) or not e.reached or not patience.again():
                    raise
                continue
            if answer.status not in failures.AGAIN or not (call.repeat or answer.status == 429):
                return answer
            if not patience.again(retry_after(answer.headers)):
                return answer
            answer.close()

    def expect(self, call: Call, *statuses: int) -> Answer:
        """``call``, but anything else than ``statuses`` is raised as the error it means."""
        answer = self.call(call)
        if answer.status not in statuses:
            raise self.failed(answer).error()
        return answer

    def failed(self, answer: Answer) -> failures.Refusal:
        """What an answer refuses."""
        found = failures.refusal(answer)
        if found.status == 401 and self.authority.nobody:
            return failures.Refusal(401, "UNAUTHORIZED", "no basic auth credentials", found.shown)
        return found

    def _authorized(self, call: Call, base: Target) -> Answer:
        """Send, and once more if a 401 taught how to identify ourselves."""
        target, path = locate(call.path, base)
        ours = target == base
        scopes = merged(call.scopes)
        tries = 3
        while True:
            tries -= 1
            header = self.authority.header(call.repository, scopes) if ours else ""
            headers = {"User-Agent": AGENT, "Accept-Encoding": "identity", **call.headers}
            if header:
                headers["Authorization"] = header
            answer = self.transport.exchange(Request(call.method, target, path, headers, call.body))
            asked = answer.status == 401 and ours and answer.connection.target == base
            if not asked or not tries or not self.authority.learn(base, answer.headers, scopes, header):
                return answer
            answer.close()
