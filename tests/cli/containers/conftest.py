"""The program over the session's store; what containers a test leaves are removed after it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import SCOW, remove_containers
from tests.conftest import Scow as Program

Done = subprocess.CompletedProcess[str]
Scow = Callable[..., Done]


@pytest.fixture(scope="session")
def scow_root(shared_store: Program) -> Iterator[str]:
    if os.geteuid() != 0:
        pytest.skip("containers are made as root here")
    yield shared_store.root
    remove_containers(shared_store)
    delete_bridge(shared_store.root)


@pytest.fixture
def scow(shared_store: Program, scow_root: str) -> Iterator[Scow]:
    """``scow("run", "busybox", "true", input="...")`` whatever its exit code."""

    def run(*argv: str, input: str | None = None) -> Done:
        return shared_store(*argv, code=None, stdin=input)

    yield run
    remove_containers(shared_store)


def environment(root: str) -> dict[str, str]:
    return {**os.environ, "SCOW_ROOT": root}


def delete_bridge(root: str) -> None:
    from scow.kernel import rtnetlink
    from scow.kernel.netlink import Netlink
    from scow.runtime.net.network import interface_name

    with Netlink() as nl:
        link = rtnetlink.find_link(nl, interface_name("bridge", f"{root}/run"))
        if link is not None:
            nl.send([rtnetlink.delete_request(link.index)])


__all__ = ["SCOW", "Done", "Scow", "environment"]
