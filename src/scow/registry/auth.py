"""Who we are to one registry: answers its challenges, and remembers tokens by scope until they end."""

from __future__ import annotations

import threading

from scow.errors import Denied
from scow.registry import challenge, tokens
from scow.registry.failures import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scow.registry.connection import Headers, Target
    from scow.registry.credentials import Login
    from scow.registry.retry import Sender
    from scow.registry.tokens import Server, Token

    Scopes = frozenset[str]


def scope(repository: str, *actions: str) -> str:
    """The scope that allows ``actions`` on a repository: ``repository:library/x:pull,push``."""
    return f"repository:{repository}:{','.join(actions)}"


def merged(scopes: Iterable[str]) -> frozenset[str]:
    """Scopes with the actions on one thing joined, so that one token serves all."""
    actions: dict[str, set[str]] = {}
    for text in scopes:
        thing, _, found = text.rpartition(":")
        actions.setdefault(thing, set()).update(found.split(","))
    return frozenset([f"{thing}:{','.join(sorted(found))}" for thing, found in actions.items() if thing])


class Authority:
    """``header`` gives what to send, ``learn`` what a refusal taught. Thread-safe.

    Logins are looked up only after a challenge: a credential helper may ask its user.
    """

    def __init__(self, sender: Sender, find: Callable[[str], Login | None], *, plain: bool = False) -> None:
        self._sender = sender
        self._find = find
        self._plain = plain
        self._server: Server | None = None
        self._basic = False
        self._tokens: dict[Scopes, Token] = {}
        self._logins: dict[str, Login | None] = {}
        self._more: dict[Scopes, Scopes] = {}
        self._lock = threading.RLock()

    def login(self, repository: str) -> Login | None:
        """The login for a repository, looked up once."""
        with self._lock:
            if repository not in self._logins:
                self._logins[repository] = self._find(repository)
            return self._logins[repository]

    def header(self, repository: str, scopes: Scopes) -> str:
        """The ``Authorization`` header's text for a request, "" if none is asked for (yet). Denied."""
        with self._lock:
            if self._basic:
                login = self.login(repository)
                return login.basic() if login and login.password else ""
            if self._server is None:
                return ""
            return f"Bearer {self._token(repository, scopes)}"

    def _token(self, repository: str, scopes: Scopes) -> str:
        assert self._server
        login = self.login(repository)
        if login and login.registry_token:
            return login.registry_token
        wanted = self._more.get(scopes, scopes)
        known = self._tokens.get(wanted)
        if known is None or not known.fresh():
            known = self._tokens[wanted] = tokens.fetch(self._sender, self._server, wanted, login)
        return known.text

    def learn(self, base: Target, headers: Headers, scopes: Scopes, rejected: str) -> bool:
        """Take in a 401's challenge; whether another try makes sense. ``rejected``: the header that was sent."""
        found = {c.scheme: c.parameters for c in reversed(challenge.parse(_all(headers, "WWW-Authenticate")))}
        with self._lock:
            if "bearer" in found and found["bearer"].get("realm"):
                parameters = found["bearer"]
                realm = tokens.place(parameters["realm"], base, plain=self._plain)
                self._server = tokens.Server(realm, parameters.get("service", ""))
                self._basic = False
                asked = parameters.get("scope", "").split()
                self._more[scopes] = merged([*scopes, *asked])
                wanted = self._more[scopes]
                known = self._tokens.get(wanted)
                if known is not None and rejected == f"Bearer {known.text}":
                    del self._tokens[wanted]
                return True
            if "basic" in found:
                self._basic = True
                return not rejected
            if found:
                raise Denied(f"{base}: asks for a way to log in that is not supported: {clean(', '.join(found))}")
        return False

    @property
    def nobody(self) -> bool:
        """Whether a password was asked for, and there is none."""
        return self._basic and not any(self._logins.values())

    @property
    def server(self) -> Server | None:
        """The token server, once one was named."""
        return self._server


def _all(headers: Headers, name: str) -> list[str]:
    many = getattr(headers, "get_all", None)
    return list(many(name) or ()) if many is not None else [headers.get(name, "")]
