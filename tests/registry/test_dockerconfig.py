"""docker's config.json and credential helpers."""

from __future__ import annotations

import json
import os
import stat

import pytest

from scow.errors import Denied, Invalid, Unavailable
from scow.registry.credentials import HUB_KEY, Login, hostname
from scow.registry.dockerconfig import DockerConfig, config_path

ALICE = Login("alice", "pa:ss")
WORD = "YWxpY2U6cGE6c3M="


def config(tmp_path: os.PathLike[str], doc: object | None = None) -> DockerConfig:
    path = os.path.join(tmp_path, "sub", "config.json")
    if doc is not None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(doc if isinstance(doc, str) else json.dumps(doc))
    return DockerConfig(path)


def written(c: DockerConfig) -> dict[str, object]:
    with open(c.path) as f:
        doc: dict[str, object] = json.load(f)
    return doc


def test_where_it_lies() -> None:
    assert config_path({"DOCKER_CONFIG": "/x"}) == "/x/config.json"
    assert config_path({"HOME": "/h"}) == "/h/.docker/config.json"


def test_no_file_is_no_login(tmp_path: os.PathLike[str]) -> None:
    assert config(tmp_path).find("a") is None
    assert not config(tmp_path).erase("a")


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"auth": WORD}, ALICE),
        ({"username": "alice", "password": "pa:ss"}, ALICE),
        ({"auth": "YWxpY2U6", "identitytoken": "t"}, Login("alice", "", "t")),
        ({"registrytoken": "r"}, Login(registry_token="r")),
        ({}, None),
    ],
)
def test_forms_of_a_login(tmp_path: os.PathLike[str], entry: object, login: Login | None) -> None:
    assert config(tmp_path, {"auths": {"r:5000": entry}}).find("r:5000", "a/b") == login


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        (HUB_KEY, "docker.io"),
        ("docker.io", "docker.io"),
        ("https://r:5000", "r:5000"),
        ("https://r:5000/v1/", "r:5000"),
        ("http://r:5000/v2/", "r:5000"),
        ("r:5000", "r:5000"),
    ],
)
def test_spellings_of_a_host(tmp_path: os.PathLike[str], key: str, registry: str) -> None:
    c = config(tmp_path, {"auths": {key: {"auth": WORD}}})
    assert c.find(registry) == ALICE
    assert c.find("other") is None
    assert c.erase(registry)
    assert written(c) == {"auths": {}}


def test_the_longest_prefix_of_a_repository_counts(tmp_path: os.PathLike[str]) -> None:
    auths = {key: {"username": key, "password": "x"} for key in ("r", "r/team", "r/team/app")}
    c = config(tmp_path, {"auths": auths})
    found = [c.find("r", name) for name in ("x", "team/y", "team/app", "team/app/z", "teams")]
    assert [login and login.username for login in found] == ["r", "r/team", "r/team/app", "r/team/app", "r"]


def test_storing_keeps_everything_else_and_is_private(tmp_path: os.PathLike[str]) -> None:
    doc = {"HttpHeaders": {"X": "y"}, "auths": {"other": {"auth": "eDp5", "odd": 1}}, "psFormat": "table <>"}
    c = config(tmp_path, doc)
    os.chmod(c.path, 0o644)
    assert c.store("r:5000", ALICE)
    assert written(c) == {**doc, "auths": {"other": {"auth": "eDp5", "odd": 1}, "r:5000": {"auth": WORD}}}
    assert stat.S_IMODE(os.stat(c.path).st_mode) == 0o600
    assert os.listdir(os.path.dirname(c.path)) == ["config.json"]
    assert DockerConfig(c.path).find("r:5000") == ALICE
    assert c.erase("r:5000") and not c.erase("r:5000")
    assert written(c) == doc


def test_a_link_stays_a_link(tmp_path: os.PathLike[str]) -> None:
    real = config(tmp_path, {})
    link = os.path.join(tmp_path, "config.json")
    os.symlink(real.path, link)
    DockerConfig(link).store("docker.io", ALICE)
    assert os.path.islink(link)
    assert written(real) == {"auths": {HUB_KEY: {"auth": WORD}}}


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"auths": []}', '{"auths": {"r": {"auth": "?"}}}', '{"auths": {"r": {"auth": "eA=="}}}',
     '{"auths": {"r": {"auth": 5}}}', '{"credHelpers": []}', '{"auths": {"r": {"auth": "/////w=="}}}'],
)  # fmt: skip
def test_damaged_files_are_named_and_not_shown(tmp_path: os.PathLike[str], text: str) -> None:
    c = config(tmp_path, text)
    with pytest.raises(Invalid, match=r"config\.json"):
        c.find("r")


def test_hostnames() -> None:
    assert hostname("https://r:5000/v1/") == "r:5000"
    assert hostname("index.docker.io") == hostname(HUB_KEY) == "docker.io"


# helpers

HELPER = """#!/bin/sh
cd {folder}
case $1 in
get) read server; echo "$server" >> asked
  [ "$server" = odd ] && {{ echo nonsense; exit 0; }}
  [ "$server" = fails ] && {{ echo "secret service is locked"; exit 1; }}
  [ -f stored ] && grep -q "$server" stored && {{ cat stored; exit 0; }}
  echo "credentials not found in native keychain"; exit 1;;
store) cat > stored;;
erase) [ -f stored ] || {{ echo "credentials not found in native keychain"; exit 1; }}; rm stored;;
esac
"""


@pytest.fixture
def helper(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> str:
    path = os.path.join(tmp_path, "docker-credential-test")
    with open(path, "w") as f:
        f.write(HELPER.format(folder=tmp_path))
    os.chmod(path, 0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return str(tmp_path)


@pytest.mark.parametrize("doc", [{"credsStore": "test"}, {"credHelpers": {"r:5000": "test"}, "credsStore": "none"}])
def test_a_helper_keeps_logins(tmp_path: os.PathLike[str], helper: str, doc: dict[str, object]) -> None:
    c = config(tmp_path, doc)
    assert c.find("r:5000", "a/b") is None
    assert not c.store("r:5000", ALICE), "nothing stands in the file"
    assert WORD not in json.dumps(written(c))
    assert c.find("r:5000", "a/b") == ALICE
    assert c.erase("r:5000")
    assert c.find("r:5000") is None


def test_identity_tokens_of_helpers(tmp_path: os.PathLike[str], helper: str) -> None:
    c = config(tmp_path, {"credsStore": "test"})
    c.store("docker.io", Login("alice", identity_token="tok"))
    with open(os.path.join(helper, "stored")) as f:
        assert json.load(f) == {"ServerURL": HUB_KEY, "Username": "<token>", "Secret": "tok"}
    assert c.find("docker.io", "library/x") == Login(identity_token="tok")


def test_helpers_that_fail(tmp_path: os.PathLike[str], helper: str) -> None:
    c = config(tmp_path, {"credsStore": "test"})
    with pytest.raises(Denied, match="secret service is locked"):
        c.find("fails")
    with pytest.raises(Invalid, match="docker-credential-test"):
        c.find("odd")
    with pytest.raises(Unavailable, match="docker-credential-nosuch: executable file not found"):
        config(tmp_path, {"credsStore": "nosuch"}).find("r")
    with pytest.raises(Invalid, match="no name"):
        config(tmp_path, {"credsStore": "../evil"}).find("r")
