"""Who somebody is to a registry, and the names under which docker keeps that."""

from __future__ import annotations

from scow.oci.reference import DOCKER_HUB
from scow.values import value

HUB_KEY = "https://index.docker.io/v1/"
"""Docker Hub's name in config.json."""
_HUB_HOSTS = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})


@value
class Login:
    """A user with a password, or an identity (refresh) token, or a registry token. Shown without its secrets."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        return f"Login({self.username!r}, ...)"

    def basic(self) -> str:
        """The text of a Basic ``Authorization`` header (RFC 7617)."""
        import binascii

        return "Basic " + binascii.b2a_base64(f"{self.username}:{self.password}".encode(), newline=False).decode()


NOBODY = Login()


def key_of(registry: str) -> str:
    """Under what docker keeps the login to a registry."""
    return HUB_KEY if registry in _HUB_HOSTS else registry


def hostname(address: str) -> str:
    """The host of a server address as it is typed or kept: without scheme and path (docker's ConvertToHostname)."""
    bare = address.removeprefix("https://").removeprefix("http://")
    host = bare.partition("/")[0]
    return DOCKER_HUB if host in _HUB_HOSTS else host
