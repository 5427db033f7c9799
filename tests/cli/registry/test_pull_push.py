"""pull, push, login and logout through the program, against a registry of ours that can go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from tests.cli.images.test_image_verbs import made, rootfs
from tests.conftest import Scow, throw_away
from tests.registry.server import Handler, Server, Tokens, digest_of, drops, fails, only, stalls, truncates

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as s:
        yield s


@pytest.fixture(autouse=True)
def own_home(scow: Scow, tmp_path: os.PathLike[str]) -> None:
    scow.environment.update(HOME=str(tmp_path), DOCKER_CONFIG=os.path.join(tmp_path, "docker"), XDG_CONFIG_HOME="")


@pytest.fixture
def other(tmp_path: os.PathLike[str]) -> Iterator[Scow]:
    """A second store, as another machine has."""
    program = Scow(
        os.path.join(tmp_path, "other"), {"HOME": str(tmp_path), "DOCKER_CONFIG": os.path.join(tmp_path, "d")}
    )
    yield program
    throw_away(program.root)


def pushed(scow: Scow, server: Server, name: str = "app:1", **files: str) -> str:
    """Make an image of a few files and push it; its full name."""
    full = f"{server.host}/{name}"
    made(scow, full, **(files or {"a": "one"}))
    scow("push", "-q", full)
    return full


def short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def test_push_and_pull_in_docker_words(scow: Scow, other: Scow, server: Server) -> None:
    name = f"{server.host}/team/app"
    image = made(scow, name, a="one")
    layer = json.loads(scow("inspect", name).stdout)[0]["RootFS"]["Layers"][0]
    out = scow("push", name).stdout.splitlines()
    _kind, raw = server.manifests["team/app", "latest"]
    assert out == [
        "Using default tag: latest",
        f"The push refers to repository [{name}]",
        f"{short(layer)}: Preparing",
        f"{short(layer)}: Pushed",
        f"latest: digest: {digest_of(raw)} size: {len(raw)}",
    ]
    blob = json.loads(raw)["layers"][0]["digest"]
    assert other("pull", name).stdout.splitlines() == [
        "Using default tag: latest",
        "latest: Pulling from team/app",
        f"{short(blob)}: Pulling fs layer",
        f"{short(blob)}: Download complete",
        f"{short(blob)}: Pull complete",
        f"Digest: {digest_of(raw)}",
        f"Status: Downloaded newer image for {name}:latest",
        f"{name}:latest",
    ]
    assert other("images", "-q", "--no-trunc").stdout.strip() == image
    assert other("images", "--digests", "--format", "{{.Digest}}").stdout.strip() == digest_of(raw)
    assert other("inspect", "-f", "{{json .RepoDigests}}", name).stdout.strip() == f'["{name}@{digest_of(raw)}"]'
    assert other("system", "check").returncode == 0


def test_the_second_time_nothing_moves(scow: Scow, other: Scow, server: Server) -> None:
    name = pushed(scow, server)
    server.requests.clear()
    assert "Layer already exists" in scow("push", name).stdout
    assert not server.seen("PATCH") and not server.seen("POST")
    other("pull", "-q", name)
    server.requests.clear()
    out = other("pull", name).stdout.splitlines()
    assert out[1:] == [f"Digest: {out[1][8:]}", f"Status: Image is up to date for {name}", name]
    assert [r.method for r in server.requests] == ["GET", "HEAD"], "the greeting and one question"


def test_quiet(scow: Scow, other: Scow, server: Server) -> None:
    name = f"{server.host}/app"
    made(scow, name)
    assert scow("push", "-q", name).stdout == f"{name}:latest\n"
    assert other("pull", "-q", name).stdout == f"{name}:latest\n"


def test_all_tags(scow: Scow, other: Scow, server: Server) -> None:
    name = f"{server.host}/app"
    for tag in ("1", "2"):
        made(scow, f"{name}:{tag}", x=tag)
    out = scow("push", "-a", name).stdout
    assert "1: digest: " in out and "2: digest: " in out and "Using default tag" not in out
    out = other("pull", "-a", name).stdout
    assert "1: Pulling from app" in out and "2: Pulling from app" in out
    assert out.splitlines()[-2:] == [f"Status: Downloaded newer image for {name}", name]
    assert sorted(other("images", "--format", "{{.Tag}}").stdout.split()) == ["1", "2"]
    assert "tag can't be used with --all-tags/-a" in other("pull", "-a", f"{name}:1", code=1).stderr


def test_by_digest(scow: Scow, other: Scow, server: Server) -> None:
    name = pushed(scow, server)
    digest = digest_of(server.manifests["app", "1"][1])
    full = f"{server.host}/app@{digest}"
    assert other("pull", "-q", full).stdout == f"{full}\n"
    assert other("images", "--format", "{{.Tag}}").stdout.split() == ["<none>"]
    assert "cannot push a digest reference" in scow("push", full, code=1).stderr
    assert name in scow("images", "--format", "{{.Repository}}:{{.Tag}}").stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["pull", "{host}/nosuch"], "manifest for {host}/nosuch:latest not found: manifest unknown: manifest unknown"),
        (["push", "{host}/nosuch"], "An image does not exist locally with the tag: {host}/nosuch"),
        (["pull", "UPPER"], "repository name (library/UPPER) must be lowercase"),
        (["pull", "a_b.c/d"], "the name has no registry"),
        (["pull", "127.0.0.1:1/x"], "connection refused"),
        (["pull", "--platform", "linux/x/y/z", "{host}/x"], "cannot parse platform specifier"),
        (["push", "--disable-content-trust", "x"], "does not support the flag"),
    ],
)
def test_what_is_wrong_is_named(scow: Scow, server: Server, words: list[str], problem: str) -> None:
    done = scow(*[w.format(host=server.host) for w in words], code=None)
    assert done.returncode in (1, 125)
    assert problem.format(host=server.host) in done.stderr
    assert scow("images", "-q").stdout == ""


def test_a_layer_is_mounted_from_where_it_is(scow: Scow, server: Server) -> None:
    name = pushed(scow, server)
    scow("tag", name, f"{server.host}/copy:1")
    assert "Mounted from app" in scow("push", f"{server.host}/copy:1").stdout
    assert not [r for r in server.seen("PATCH") if "/copy/" in r.path]


def test_a_pulled_image_goes_to_another_registry(scow: Scow, other: Scow, server: Server) -> None:
    name = pushed(scow, server, a="x" * 100_000)
    other("pull", "-q", name)
    with Server() as second:
        target = f"{second.host}/app:1"
        other("tag", name, target)
        other("push", "-q", target)
        scow("pull", "-q", target)
        ids = scow("images", "-q", "--no-trunc").stdout.split()
        assert len(set(ids)) == 1
        assert second.manifests["app", "1"] == server.manifests["app", "1"], "what is compressed again is the same"


def test_interrupted_pulls_keep_what_is_whole(
    scow: Scow, other: Scow, server: Server, tmp_path: os.PathLike[str]
) -> None:
    name = f"{server.host}/app:1"
    made(scow, "base", a="base")
    with open(os.path.join(tmp_path, "Dockerfile"), "w") as f:
        f.write("FROM base\nCOPY Dockerfile /x\n")
    scow("build", "-q", "-t", name, str(tmp_path))
    scow("push", "-q", name)
    first, second = [la["digest"] for la in json.loads(server.manifests["app", "1"][1])["layers"]]

    def late(h: Handler) -> bool:
        time.sleep(0.5)
        return fails(404, "BLOB_UNKNOWN")(h)

    server.before(only(late, "GET", second))
    assert f"{second}: blob unknown" in other("pull", name, code=1).stderr
    assert other("images", "-q").stdout == ""
    server.rules.clear()
    server.requests.clear()
    out = other("pull", name).stdout
    assert f"{short(first)}: Already exists" in out
    assert not server.seen("GET", first)


@pytest.mark.parametrize("kind", ["changed", "truncated", "bomb", "not gzip", "other layer"])
def test_hostile_layers_leave_nothing(scow: Scow, other: Scow, server: Server, kind: str) -> None:
    import gzip

    name = pushed(scow, server, a="x" * 1000)
    raw = json.loads(server.manifests["app", "1"][1])
    layer = raw["layers"][0]
    good = server.blobs["app", layer["digest"]]
    if kind == "changed":
        server.blobs["app", layer["digest"]] = good[:-9] + bytes(9)
    elif kind == "truncated":
        server.before(only(truncates(20), "GET", layer["digest"], times=1), only(fails(404), "GET", layer["digest"]))
    else:
        bad = {
            "bomb": gzip.compress(bytes(50 << 20)),
            "not gzip": os.urandom(1000),
            "other layer": gzip.compress(rootfs(evil="x")),
        }[kind]
        layer.update(digest=digest_of(bad), size=len(bad))
        server.blobs["app", digest_of(bad)] = bad
        document = json.dumps(raw).encode()
        server.manifests["app", "1"] = server.manifests["app", digest_of(document)] = (raw["mediaType"], document)
    done = other("pull", name, code=1)
    assert "sha256:" in done.stderr
    assert other("images", "-q").stdout == ""
    assert os.listdir(os.path.join(other.root, "layers")) == []
    assert other("system", "check").returncode == 0


def test_two_pulls_share_one_download(scow: Scow, other: Scow, server: Server) -> None:
    name = pushed(scow, server, a="x" * 1000)
    blob = json.loads(server.manifests["app", "1"][1])["layers"][0]["digest"]

    def slowly(h: Handler) -> bool:
        time.sleep(1)
        return False

    server.before(only(slowly, "GET", blob))
    both = [other.spawn("pull", "-q", name) for _ in range(2)]
    assert [p.communicate(timeout=30)[0] for p in both] == [f"{name}\n".encode()] * 2
    assert len(server.seen("GET", blob)) == 1


def test_ctrl_c_ends_a_stalled_pull_at_once(scow: Scow, other: Scow, server: Server) -> None:
    name = pushed(scow, server)
    server.before(only(stalls(30), "GET", "/blobs/"))
    process = other.spawn("pull", name)
    while not server.seen("GET", "/blobs/"):
        time.sleep(0.02)
    time.sleep(0.2)
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 130
    assert time.monotonic() - before < 3
    assert b"Traceback" not in said
    assert os.listdir(os.path.join(other.root, "leases")) == []


def test_a_killed_pull_can_be_repeated(scow: Scow, other: Scow, server: Server) -> None:
    name = pushed(scow, server)
    server.before(only(stalls(30), "GET", "/blobs/", times=1))
    process = other.spawn("pull", name)
    while not server.seen("GET", "/blobs/"):
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert other("pull", "-q", name).stdout == f"{name}\n"
    assert other("system", "check").returncode == 0


def test_a_flaky_registry_is_survived(scow: Scow, other: Scow, server: Server) -> None:
    server.before(only(drops, "HEAD", times=1), only(fails(500), "POST", times=1), only(fails(503), "PUT", times=1))
    name = pushed(scow, server, a="y" * 200_000)
    server.before(only(truncates(100), "GET", "/blobs/", times=2), only(fails(502), "GET", "/manifests/", times=1))
    assert other("pull", "-q", name).stdout == f"{name}\n"


# several platforms


def index_of(server: Server, *platforms: str) -> None:
    """Make ``app:multi`` of the image app:1 for each platform."""
    kind, raw = server.manifests["app", "1"]
    entries = []
    for text in platforms:
        system, _, machine = text.partition("/")
        entries.append(
            {
                "mediaType": kind,
                "digest": digest_of(raw),
                "size": len(raw),
                "platform": {"os": system, "architecture": machine},
            }
        )
    kind = "application/vnd.oci.image.index.v1+json"
    document = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()
    server.manifests["app", "multi"] = server.manifests["app", digest_of(document)] = (kind, document)


def test_of_an_index_the_platform_is_chosen(scow: Scow, other: Scow, server: Server) -> None:
    pushed(scow, server)
    index_of(server, "linux/s390x", "linux/amd64", "linux/arm64")
    name = f"{server.host}/app:multi"
    out = other("pull", name).stdout
    index = digest_of(server.manifests["app", "multi"][1])
    assert f"Digest: {index}" in out
    assert other("images", "--digests", "--format", "{{.Digest}}").stdout.split() == [index]
    assert "Image is up to date" in other("pull", name).stdout
    assert other("pull", "-q", "--platform", "linux/arm64", name).stdout == f"{name}\n"
    done = other("pull", "--platform", "linux/riscv64", name, code=1)
    assert "no matching manifest for linux/riscv64 in the manifest list entries" in done.stderr


def test_an_index_that_is_all_here_is_pushed_as_one(scow: Scow, other: Scow, server: Server) -> None:
    pushed(scow, server)
    index_of(server, "linux/amd64")
    other("pull", "-q", f"{server.host}/app:multi")
    other("tag", f"{server.host}/app:multi", f"{server.host}/copy:multi")
    other("push", "-q", f"{server.host}/copy:multi")
    assert server.manifests["copy", "multi"] == server.manifests["app", "multi"]


def test_one_platform_of_an_index_is_pushed_alone(scow: Scow, other: Scow, server: Server) -> None:
    pushed(scow, server)
    missing = json.loads(server.manifests["app", "1"][1])
    index_of(server, "linux/amd64")
    kind, document = server.manifests["app", "multi"]
    doc = json.loads(document)
    doc["manifests"].append(
        {**doc["manifests"][0], "digest": digest_of(b"nowhere"), "platform": {"os": "linux", "architecture": "arm64"}}
    )
    document = json.dumps(doc).encode()
    server.manifests["app", "multi"] = server.manifests["app", digest_of(document)] = (kind, document)
    other("pull", "-q", f"{server.host}/app:multi")
    other("tag", f"{server.host}/app:multi", f"{server.host}/copy:1")
    other("push", "-q", f"{server.host}/copy:1")
    assert json.loads(server.manifests["copy", "1"][1]) == missing


# what else pulls


def test_run_pulls_what_is_missing(busybox: Scow, other: Scow, server: Server) -> None:
    if os.geteuid():
        pytest.skip("needs root")
    name = f"{server.host}/busybox:1"
    busybox("tag", "busybox", name)
    busybox("push", "-q", name)
    done = other("run", "--rm", name, "echo", "hello")
    assert done.stdout == "hello\n"
    lines = done.stderr.splitlines()
    assert lines[:2] == [f"Unable to find image '{name}' locally", "1: Pulling from busybox"]
    assert lines[-1] == f"Status: Downloaded newer image for {name}"
    assert other("run", "--rm", name, "true").stderr == ""
    assert "Image is up to date" in other("run", "--rm", "--pull", "always", name, "true").stderr
    done = other("run", "--pull", "never", f"{server.host}/nosuch", code=125)
    assert "No such image" in done.stderr and "Unable to find" not in done.stderr
    done = other("run", f"{server.host}/nosuch", code=125)
    assert "manifest unknown" in done.stderr


def test_from_pulls_base_images(scow: Scow, other: Scow, server: Server, tmp_path: os.PathLike[str]) -> None:
    name = pushed(scow, server)
    with open(os.path.join(tmp_path, "Dockerfile"), "w") as f:
        f.write(f"FROM {name}\nCOPY Dockerfile /x\n")
    other("build", "-q", "-t", "made", str(tmp_path))
    assert len(json.loads(other("inspect", "made").stdout)[0]["RootFS"]["Layers"]) == 2
    with open(os.path.join(tmp_path, "Dockerfile"), "w") as f:
        f.write(f"FROM {server.host}/nosuch\nCOPY Dockerfile /x\n")
    done = other("build", str(tmp_path), code=1)
    assert "neither in the local store nor in its registry" in done.stderr


# login


def logged(scow: Scow) -> object:
    with open(os.path.join(scow.environment["DOCKER_CONFIG"], "config.json")) as f:
        return json.load(f)["auths"]


def test_login_push_logout(scow: Scow, server: Server) -> None:
    server.before(Tokens(f"http://{server.host}/token", "alice", "s3cret").registry)
    name = f"{server.host}/app:1"
    made(scow, name)
    done = scow("push", name, code=1)
    assert "unauthorized" in done.stderr
    done = scow("login", "-u", "alice", "--password-stdin", server.host, stdin="wrong\n", code=1)
    assert "unauthorized: incorrect username or password" in done.stderr
    done = scow("login", "-u", "alice", "--password-stdin", server.host, stdin="s3cret\n")
    assert done.stdout == "Login Succeeded\n"
    assert "stored unencrypted" in done.stderr
    assert os.stat(os.path.join(scow.environment["DOCKER_CONFIG"], "config.json")).st_mode & 0o777 == 0o600
    assert logged(scow) == {server.host: {"auth": "YWxpY2U6czNjcmV0"}}
    scow("push", "-q", name)
    done = scow("login", server.host)
    assert "Authenticating with existing credentials... [Username: alice]" in done.stdout
    assert scow("logout", server.host).stdout == f"Removing login credentials for {server.host}\n"
    assert logged(scow) == {}
    assert "Not logged in" in scow("logout", server.host).stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["login", "--password-stdin", "{host}"], "Must provide --username with --password-stdin"),
        (["login", "-u", "a", "-p", "b", "--password-stdin", "{host}"], "mutually exclusive"),
        (["login", "{host}"], "Cannot perform an interactive login from a non TTY device"),
        (["login", "-u", "a", "-p", "b", "bad host"], "invalid host"),
    ],
)
def test_login_in_docker_words(scow: Scow, server: Server, words: list[str], problem: str) -> None:
    done = scow(*[w.format(host=server.host) for w in words], code=1, stdin="x")
    assert problem in done.stderr


def test_a_password_on_the_command_line_is_warned_of(scow: Scow, server: Server) -> None:
    done = scow("login", "-u", "a", "-p", "b", server.host)
    assert "WARNING! Using --password via the CLI is insecure. Use --password-stdin." in done.stderr


def test_login_asks_on_a_terminal(scow: Scow, server: Server) -> None:
    import pty

    server.before(Tokens(f"http://{server.host}/token", "alice", "s3cret").registry)
    master, slave = pty.openpty()
    process = scow.spawn("login", server.host, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL)
    os.close(slave)
    seen = b""
    for wanted, answer in ((b"Username: ", b"alice\n"), (b"Password: ", b"s3cret\n"), (b"Login Succeeded", b"")):
        while wanted not in seen:
            seen += os.read(master, 1000)
        os.write(master, answer)
    assert process.wait(10) == 0
    assert b"s3cret" not in seen
    os.close(master)
