"""The registry service: pull, push, login, and registries as a source of base images."""

from __future__ import annotations

import os
import threading

from scow.engine.transfers import PullRequest, PushRequest, parse, silent
from scow.oci.lazy import lazy
from scow.oci.reference import DOCKER_HUB, Reference
from scow.registry.credentials import Login, hostname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scow.engine.transfers import Observer
    from scow.oci.protocols import Source
    from scow.registry.client import Client
    from scow.registry.dockerconfig import DockerConfig
    from scow.registry.repository import Repository
    from scow.registry.settings import Settings
    from scow.registry.transport import Transport
    from scow.store.store import Store

__all__ = ["Login", "PullRequest", "PushRequest", "Registries", "parse", "registry_of"]


class Registries:
    """Registries as this machine and user reach them; images go into and come from one store. Thread-safe."""

    def __init__(self, store: Store, environ: Mapping[str, str] = os.environ) -> None:
        self.store = store
        self._environ = environ
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()

    @lazy
    def settings(self) -> Settings:
        """Insecure registries, certificates, proxies, limits."""
        from scow.registry.settings import load

        return load(self._environ)

    @lazy
    def config(self) -> DockerConfig:
        """docker's config.json of this user."""
        from scow.registry.dockerconfig import DockerConfig, config_path

        return DockerConfig(config_path(self._environ))

    @lazy
    def transport(self) -> Transport:
        """The connections of this process."""
        from scow.registry.transport import Transport

        return Transport(self.settings)

    def client(self, registry: str) -> Client:
        """The client for the registry of a reference. Invalid for a name that leads nowhere."""
        from scow.registry.client import Client
        from scow.registry.endpoint import endpoint

        with self._lock:
            if registry not in self._clients:
                place = endpoint(registry, self.settings.insecure)
                find = lambda repository: self.config.find(registry, repository)  # noqa: E731
                self._clients[registry] = Client(place, self.transport, find)
            return self._clients[registry]

    def repository(self, reference: Reference, *, push: bool = False) -> Repository:
        """The repository of a reference."""
        from scow.registry.repository import Repository

        return Repository(self.client(reference.registry), reference.repository, reference.familiar_name(), push=push)

    def pull(self, request: PullRequest, on: Observer = silent) -> str:
        """Bring an image here; the full reference, as docker prints it last. NotFound, Denied, Unavailable, Corrupt."""
        from scow.engine.pulling import pull

        return pull(self, request, on)

    def push(self, request: PushRequest, on: Observer = silent) -> str:
        """Bring an image to its registry; the full reference. NotFound, Denied, Unavailable."""
        from scow.engine.pushing import push

        return push(self, request, on)

    def source(self) -> Source:
        """All registries as one source, for base images."""
        from scow.engine.remote import Remote

        return Remote(self)

    def login(self, address: str, login: Login) -> bool:
        """Try a login and keep it; whether it now stands unencrypted in config.json. Denied, Unavailable."""
        from scow.registry.endpoint import endpoint
        from scow.registry.login import verify

        registry = registry_of(address)
        kept = verify(endpoint(registry, self.settings.insecure), self.transport, login)
        return self.config.store(registry, kept)

    def known_login(self, address: str) -> Login | None:
        """The login that is kept for a registry."""
        return self.config.find(registry_of(address))

    def logout(self, address: str) -> bool:
        """Forget the login for a registry; whether there was one."""
        return self.config.erase(registry_of(address))

    def interrupt(self) -> None:
        """End transfers under way in other threads at once."""
        self.transport.interrupt()


def registry_of(address: str) -> str:
    """The registry that an address of ``login`` means: "" and docker's index URL are Docker Hub. Invalid."""
    from scow.registry.endpoint import split

    found = hostname(address) if address else DOCKER_HUB
    split(found)
    return found
