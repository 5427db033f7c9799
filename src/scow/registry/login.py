"""``login``: try a user's credentials on a registry before they are kept."""

from __future__ import annotations

from scow.errors import Denied
from scow.registry import failures, tokens
from scow.registry.client import AGENT, Client
from scow.registry.credentials import Login
from scow.registry.transport import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.registry.endpoint import Endpoint
    from scow.registry.transport import Transport

PATH = "/v2/"


def verify(endpoint: Endpoint, transport: Transport, login: Login) -> Login:
    """What to keep of ``login``: itself, or the identity token that the token server gave for it.

    Denied if the registry does not want it; Lost, Unavailable if it could not be asked.
    """
    client = Client(endpoint, transport, lambda _repository: login)
    base = client.base
    headers = {"User-Agent": AGENT}
    with client.sender.send(Request("GET", base, PATH, headers)) as answer:
        if answer.status != 401:
            if answer.status < 400:
                return login
            raise client.failed(answer).error()
        client.authority.learn(base, answer.headers, frozenset(), "")
    server = client.authority.server
    if server is not None:
        token = tokens.fetch(client.sender, server, (), login, offline=True)
        headers["Authorization"] = f"Bearer {token.text}"
    else:
        token = None
        headers["Authorization"] = login.basic()
    with client.sender.send(Request("GET", base, PATH, headers)) as answer:
        if answer.status == 401:
            refused = failures.refusal(answer)
            text = refused.text if "unauthorized" in refused.text else f"unauthorized: {refused.text}"
            raise Denied(f"Get {str(base) + PATH!r}: {text}".replace("'", '"'))
        if answer.status >= 400:
            raise client.failed(answer).error()
    if token is not None and token.refresh:
        return Login(login.username, identity_token=token.refresh)
    return login
