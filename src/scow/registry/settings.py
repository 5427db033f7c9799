"""What the machine and the user have settled about registries.

Read from ``insecure-registries`` (docker's key and docker's forms: ``host``, ``host:port``, ``10.0.0.0/8``) of
``/etc/docker/daemon.json``, ``/etc/scow/registries.json`` and ``$XDG_CONFIG_HOME/scow/registries.json``.
Certificates lie in docker's ``certs.d`` layout, see ``tls``.
"""

from __future__ import annotations

import json
import os

from scow.errors import Invalid
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PROXIES = ("http_proxy", "https_proxy", "no_proxy")


@value
class Limits:
    """How long to wait and how often to try; times in seconds."""

    connect: float = 30.0
    read: float = 60.0
    """For every read and write: a connection on which nothing moves for so long is lost."""
    document: float = 300.0
    """For the whole of a manifest, token or list, however steadily it trickles."""
    tries: int = 6
    pause: float = 0.5
    """Before the second try; each next is twice as long, with some randomness."""
    longest: float = 20.0
    patience: float = 120.0
    """The longest ``Retry-After`` that is waited for."""


@value
class Settings:
    """All of it, as values: nothing below reads the environment."""

    insecure: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    """Directories in certs.d's layout; the first that has one for a host counts."""
    proxies: Mapping[str, str] = {}
    """``http_proxy``, ``https_proxy`` and ``no_proxy``, as far as they are set."""
    limits: Limits = Limits()


def load(environ: Mapping[str, str]) -> Settings:
    """The settings of this machine and user. Invalid if a file is damaged."""
    home = environ.get("HOME") or os.path.expanduser("~")
    own = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    files = ("/etc/docker/daemon.json", "/etc/scow/registries.json", os.path.join(own, "scow/registries.json"))
    folders = (os.path.join(own, "scow"), os.path.join(own, "docker"), "/etc/scow", "/etc/docker")
    insecure = [host for path in files for host in _insecure(path)]
    proxies = {}
    for name in PROXIES:
        # curl's rule, and Go's: of HTTP_PROXY only the lower-case form where a request could have set it (CGI).
        upper = "" if name == "http_proxy" and "REQUEST_METHOD" in environ else environ.get(name.upper(), "")
        if found := environ.get(name, "") or upper:
            proxies[name] = found
    return Settings(tuple(dict.fromkeys(insecure)), tuple([f"{f}/certs.d" for f in folders]), proxies)


def _insecure(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as f:
            doc = json.load(f)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    except (ValueError, OSError) as e:
        raise Invalid(f"{path}: {e}") from None
    found = doc.get("insecure-registries", []) if isinstance(doc, dict) else None
    if not isinstance(found, list) or not all(isinstance(host, str) for host in found):
        raise Invalid(f"{path}: insecure-registries is no list of hosts")
    return found
