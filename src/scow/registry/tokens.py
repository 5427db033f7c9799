"""Tokens of a registry's token server (distribution-spec's predecessor: docker's token and OAuth2 authentication)."""

from __future__ import annotations

import json
import time

from scow.errors import Corrupt, Denied
from scow.oci.reference import DOCKER_HUB
from scow.registry import failures
from scow.registry.connection import PORTS, Target
from scow.registry.transport import Request, locate
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from scow.registry.connection import Answer, Connection
    from scow.registry.credentials import Login
    from scow.registry.retry import Sender

CLIENT = "scow"
LARGEST = 1 << 20
LEAST = 60.0
"""Seconds a token lasts when its server does not say, and at least."""
EARLY = 10.0
"""So many seconds before its end a token is not used any more, so that it does not expire on the way."""


@value
class Server:
    """Where tokens come from: the realm of a challenge, and the service it names."""

    realm: str
    service: str


@value
class Token:
    """A bearer token and when it ends (monotonic seconds). Shown without its text."""

    text: str
    until: float
    refresh: str = ""

    def __repr__(self) -> str:
        return "Token(...)"

    def fresh(self) -> bool:
        """Whether it can be used for another while."""
        return time.monotonic() < self.until - EARLY


def fetch(
    sender: Sender, server: Server, scopes: Iterable[str], login: Login | None, *, offline: bool = False
) -> Token:
    """A token for ``scopes``; Denied in the server's words. ``offline``: ask for a refresh token too, as login does."""
    wanted = sorted(scopes)
    if login and login.identity_token:
        form = {"grant_type": "refresh_token", "refresh_token": login.identity_token}
        return _taken(sender.send(_post(server, wanted, form)), server)
    answer = sender.send(_get(server, wanted, login, offline=offline))
    if answer.status in (404, 405) and login and login.password:
        answer.close()
        form = {"grant_type": "password", "username": login.username, "password": login.password}
        if offline:
            form["access_type"] = "offline"
        answer = sender.send(_post(server, wanted, form))
    return _taken(answer, server)


def place(realm: str, base: Target, *, plain: bool) -> str:
    """The realm of a challenge as a URL that may be used: not http if the registry itself is spoken to by https.

    Else whoever answers for the registry could have passwords sent in clear.
    """
    target, _ = locate(realm, base)
    if target.scheme == "http" and base.scheme == "https" and not plain:
        raise Denied(f"{base}: its token server {target} is not reached by https")
    return realm


def _located(realm: str) -> tuple[Target, str]:
    return locate(realm, Target("https", "invalid", PORTS["https"]))


def _get(server: Server, scopes: list[str], login: Login | None, *, offline: bool) -> Request:
    from urllib.parse import urlencode

    target, path = _located(server.realm)
    query = [("scope", scope) for scope in scopes]
    if server.service:
        query.append(("service", server.service))
    if login and login.username:
        query.append(("account", login.username))
    if offline:
        query += [("offline_token", "true"), ("client_id", CLIENT)]
    separator = "&" if "?" in path else "?"
    headers = {"Authorization": login.basic()} if login and login.password else {}
    return Request("GET", target, f"{path}{separator}{urlencode(query)}", headers)


def _post(server: Server, scopes: list[str], form: dict[str, str]) -> Request:
    from urllib.parse import urlencode

    target, path = _located(server.realm)
    fields = {**form, "service": server.service, "client_id": CLIENT}
    if scopes:
        fields["scope"] = " ".join(scopes)
    data = urlencode(fields).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(data))}

    def body(connection: Connection) -> None:
        connection.write(data)

    return Request("POST", target, path, headers, body)


def _taken(answer: Answer, server: Server) -> Token:
    if answer.status != 200:
        found = failures.refusal(answer)
        text = found.text if found.text.startswith("unauthorized") else f"unauthorized: {found.text}"
        if found.status in (400, 401, 403):
            host = _located(server.realm)[0].host
            hub = DOCKER_HUB if host == "auth.docker.io" else host
            raise Denied(text, hint=f"log in again: scow login {'' if hub == DOCKER_HUB else 'REGISTRY'}".rstrip())
        raise found.error()
    with answer:
        raw = answer.small(LARGEST)
    try:
        doc = json.loads(raw)
        text = doc.get("token") or doc.get("access_token")
        seconds = doc.get("expires_in") or 0
        refresh = doc.get("refresh_token") or ""
        if not isinstance(text, str) or not isinstance(seconds, int | float) or not isinstance(refresh, str):
            raise ValueError("no token")
    except (ValueError, AttributeError, RecursionError):
        raise Corrupt(f"{answer.shown}: the token server's answer has no token") from None
    if not text.isascii() or not text.isprintable() or " " in text:
        raise Corrupt(f"{answer.shown}: the token server's answer is no token")
    return Token(text, time.monotonic() + max(float(seconds), LEAST), refresh)
