"""Fixtures of the registry client's tests: a server, and repositories on it with little patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from tests.registry.server import Server

from scow.registry.client import Client
from scow.registry.endpoint import endpoint
from scow.registry.repository import Repository
from scow.registry.settings import Limits, Settings
from scow.registry.transport import Transport

if TYPE_CHECKING:
    from scow.registry.credentials import Login

QUICK = Limits(connect=2, read=1, document=2, tries=4, pause=0.01, longest=0.05, patience=3)
Make = Callable[..., Repository]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as s:
        yield s


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport(Settings(limits=QUICK)) as t:
        yield t


def client(host: str, transport: Transport, login: Login | None = None) -> Client:
    return Client(endpoint(host, transport.settings.insecure), transport, lambda _: login)


@pytest.fixture
def repository(server: Server, transport: Transport) -> Make:
    """Make a repository's client: ``repository("a/b", push=True, login=...)``."""

    def make(name: str = "a/b", *, push: bool = False, login: Login | None = None, host: str = "") -> Repository:
        return Repository(client(host or server.host, transport, login), name, f"{server.host}/{name}", push=push)

    return make
