"""Builds of Dockerfiles from end to end: the service, RUN in containers, exporters."""

from __future__ import annotations

import http.server
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import time

import pytest

from scow import errors
from scow.build.boxes import Given
from scow.build.events import VertexLog, VertexUpdate
from scow.build.outputs import Output, parse
from scow.build.service import BuildRequest, build
from scow.oci.image import Image
from scow.store.store import open_store

BUSYBOX = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), "")
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not BUSYBOX, reason="needs a static busybox on the host"),
]
FROM = "FROM box\n"


class Builder:
    """One store with an image ``box``; each call is one build."""

    def __init__(self, root):
        self.root = root
        self.store = open_store(f"{root}/root", f"{root}/run")
        self.events = []
        self.ctx = f"{root}/ctx"
        os.mkdir(self.ctx)
        self._box()

    def _box(self):
        """busybox, imported as a user would: from scratch, by our own builder."""
        top = f"{self.root}/box"
        for name in ("bin", "etc", "proc", "tmp", "home"):
            os.makedirs(f"{top}/{name}")
        shutil.copy(BUSYBOX, f"{top}/bin/busybox")
        for (
            name
        ) in "sh echo cat id ls sleep touch rm mkdir true false env pwd head stat hostname wc kill chown cp".split():
            os.symlink("busybox", f"{top}/bin/{name}")
        files = {"passwd": "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/home:/bin/sh\n", "group": "root:x:0:\nwww:x:35:\n"}
        for name, text in files.items():
            with open(f"{top}/etc/{name}", "w") as f:
                f.write(text)
        with open(f"{top}/Dockerfile", "w") as f:
            f.write('FROM scratch\nCOPY . /\nRUN ["rm", "/Dockerfile"]\nCMD ["/bin/sh"]\n')
        build(BuildRequest(top, tags=("box",)), self.store)

    def files(self, **files):
        for name, text in files.items():
            with open(f"{self.ctx}/{name}", "w") as f:
                f.write(text)

    def __call__(self, dockerfile, **fields):
        self.events = []
        self.files(Dockerfile=dockerfile)
        self.result = build(BuildRequest(self.ctx, **fields), self.store, None, self.events.append)
        return self.result

    def output(self):
        return b"".join(e.data for e in self.events if isinstance(e, VertexLog))

    def said(self, dockerfile, **fields):
        """What the steps of a forced build wrote."""
        self(dockerfile, no_cache=(), **fields)
        return self.output().decode()

    def cached(self):
        return [e.cached for e in {e.name: e for e in self.events if isinstance(e, VertexUpdate)}.values() if
                " RUN " in e.name or " COPY " in e.name]  # fmt: skip

    def top(self):
        """Names in the topmost layer."""
        with self.store.layers.open(self.result.layers[-1]) as f, tarfile.open(fileobj=f) as tar:
            return tar.getnames()

    def close(self):
        self.store.close()
        with open("/proc/self/mountinfo") as f:
            points = [line.split()[4] for line in f if self.root in line]
        for point in reversed(points):
            subprocess.run(["umount", "-l", point], check=False)


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    made = Builder(str(tmp_path_factory.mktemp("build")))
    yield made
    made.close()


# ── RUN ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_steps_see_each_other_and_leave_only_their_own(builder):
    builder(FROM + "RUN echo one > /a\nRUN cat /a > /b; rm /a\n")
    assert builder.top() == [".wh.a", "b"], "no stubs of mounts, no /etc"
    builder(FROM + "RUN true\n")
    assert builder.top() == [], "an empty step still is a layer"
    assert len(builder.result.layers) == 3


def test_a_step_that_fills_a_mount_point_keeps_it(builder):
    builder(FROM + "RUN --mount=type=tmpfs,target=/new/place touch /new/mine /new/place/gone\n")
    assert builder.top() == ["new", "new/mine"]


def test_process_of_a_step(builder):
    said = builder.said(
        FROM + "ENV A=b\nWORKDIR /not/there\nUSER web:www\nRUN pwd; id -u; id -g; echo $A; echo $HOME\n"
    )
    assert said.split() == ["/not/there", "33", "35", "b", "/home"]
    assert builder.said(FROM + "RUN hostname; cat /etc/hosts | head -1").split()[:2] == ["buildkitsandbox", "127.0.0.1"]
    assert "eth0" not in builder.said(FROM + "RUN --network=none cat /proc/net/dev")


def test_entitlements(builder):
    with pytest.raises(errors.Denied, match=r"granting entitlement network.host is not allowed"):
        builder(FROM + "RUN --network=host true\n")
    with pytest.raises(errors.Denied, match=r"granting entitlement security.insecure is not allowed"):
        builder("# syntax=docker/dockerfile:1-labs\n" + FROM + "RUN --security=insecure true\n")
    builder("# syntax=docker/dockerfile:1-labs\n" + FROM + "RUN --security=insecure true\n",
            given=Given({}, {}, allow=("security.insecure",)))  # fmt: skip
    builder(FROM + "RUN true\n", network="host")


def test_long_builds_keep_few_files_open(builder):
    before = len(os.listdir("/proc/self/fd"))
    text = FROM + "".join(f"COPY Dockerfile /{n}\nRUN echo {n} > /r{n}\n" for n in range(20))
    most = []
    builder.files(Dockerfile=text)
    watch = lambda e: most.append(len(os.listdir("/proc/self/fd")))  # noqa: E731
    build(BuildRequest(builder.ctx, no_cache=()), builder.store, None, watch)
    assert max(most) - before < 250
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_an_interrupt_kills_the_step(builder):
    """The observer is called in the thread that waits for the step, where ^C arrives, too."""

    def watch(event):
        if isinstance(event, VertexLog):
            raise KeyboardInterrupt

    builder.files(Dockerfile=FROM + "RUN echo go; sleep 31.4159\n")
    with pytest.raises(KeyboardInterrupt):
        build(BuildRequest(builder.ctx, no_cache=()), builder.store, None, watch)
    assert os.listdir(f"{builder.root}/root/snapshots") == []
    assert b"31.4159" not in b"".join(_command_line(pid) for pid in os.listdir("/proc") if pid.isdigit())


def _command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read()
    except OSError:
        return b""


def test_streams_are_told_apart(builder):
    builder.said(FROM + "RUN echo out; echo err >&2")
    assert {(e.stream, e.data) for e in builder.events if isinstance(e, VertexLog)} == {(1, b"out\n"), (2, b"err\n")}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("RUN false", 'process "/bin/sh -c false" did not complete successfully: exit code: 1'),
        ("RUN exit 3", 'process "/bin/sh -c exit 3" did not complete successfully: exit code: 3'),
        ('RUN ["nope"]', 'process "nope" did not complete successfully: exit code: 127'),
        (
            "RUN sh -c 'kill -9 $$'; exit $?",
            "process \"/bin/sh -c sh -c 'kill -9 $$'; exit $?\" did not complete successfully: exit code: 137",
        ),
    ],
)
def test_failures_in_buildkits_words(builder, command, said):
    with pytest.raises(errors.Invalid) as caught:
        builder(FROM + f"RUN true\n{command}\n", no_cache=())
    assert str(caught.value) == f"failed to solve: {said}"
    assert f"   3 | >>> {command}" in caught.value.__notes__[-1]


def test_stages_run_at_once_and_the_first_failure_kills_the_others(builder):
    stages = "".join(f"FROM box AS s{n}\nRUN sleep 1; echo {n} > /f\n" for n in range(4))
    copies = "FROM box\n" + "".join(f"COPY --from=s{n} /f /f{n}\n" for n in range(4))
    began = time.monotonic()
    builder(stages + copies, no_cache=())
    assert time.monotonic() - began < 2.5, "four sleeps of a second, on a busy machine"
    began = time.monotonic()
    with pytest.raises(errors.Invalid, match="exit code: 1"):
        builder("FROM box AS a\nRUN sleep 60\nFROM box AS b\nRUN sleep 0.3; false\nFROM box\n"
                "COPY --from=a / /a\nCOPY --from=b / /b\n", no_cache=())  # fmt: skip
    assert time.monotonic() - began < 10
    assert os.listdir(f"{builder.root}/root/snapshots") == []


# ── mounts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_bind_of_the_context_is_read_only_and_counts_by_content(builder):
    builder.files(data="first")
    step = FROM + "RUN --mount=type=bind,source=data,target=/in/data cat /in/data; ! touch /in/data 2>/dev/null\n"
    assert builder.said(step) == "first" and builder.top() == []
    builder(step)
    assert builder.cached() == [True]
    builder.files(data="second", unrelated=str(time.time()))
    builder(step)
    assert builder.cached() == [False] and builder.output() == b"second"


def test_bind_of_a_directory_can_be_written_and_forgets(builder):
    builder.files(data="d")
    step = FROM + "RUN --mount=type=bind,target=/in,rw touch /in/x && ls /in > /list\n"
    builder(step, no_cache=())
    assert builder.top() == ["list"] and not os.path.exists(f"{builder.ctx}/x")


def test_bind_from_a_stage(builder):
    said = builder.said("FROM box AS tools\nRUN mkdir /t && echo tool > /t/x\nFROM box\n"
                        "RUN --mount=from=tools,source=/t,target=/t cat /t/x\n")  # fmt: skip
    assert said == "tool\n"


def test_cache_mount_stays_between_builds_and_out_of_layers(builder):
    step = FROM + "RUN --mount=type=cache,id=c1,target=/c echo {} >> /c/log; cat /c/log | wc -l\n"
    assert builder.said(step.format("a")).strip() == "1"
    assert builder.said(step.format("b")).strip() == "2"
    assert builder.top() == []


def test_locked_cache_mounts_exclude_each_other(builder):
    stages = "".join(
        f"FROM box AS l{n}\nRUN --mount=type=cache,id=lock,sharing=locked,target=/c "
        "test ! -e /c/busy && touch /c/busy && sleep 0.2 && rm /c/busy\n".replace("test !", "[ !").replace("busy && t", "busy ] && t")
        for n in range(3)
    )  # fmt: skip
    stages = stages.replace("RUN --mount", 'SHELL ["/bin/busybox", "sh", "-c"]\nRUN --mount')
    builder(stages + "FROM box\n" + "".join(f"COPY --from=l{n} /etc/passwd /p{n}\n" for n in range(3)), no_cache=())


def test_secrets_reach_the_step_and_nothing_else(builder):
    given = Given({"token": lambda: b"s3cret", "env": lambda: b"inenv"}, {})
    step = FROM + (
        "RUN --mount=type=secret,id=token cat /run/secrets/token\n"
        "RUN --mount=type=secret,id=env,env=TOKEN echo $TOKEN\n"
        "RUN --mount=type=secret,id=token,target=/s,mode=0440,uid=33 stat -c '%a %u' /s\n"
    )
    assert builder.said(step, given=given).split() == ["s3cretinenv", "440", "33"]
    assert builder.top() == []
    root = f"{builder.root}/root"
    for folder, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                assert b"s3cret" not in f.read(), os.path.join(folder, name)
    assert not [n for n in os.listdir("/dev/shm") + os.listdir("/run") if n.startswith(".scow-")]
    builder(step, given=Given({"token": lambda: b"other", "env": lambda: b"other"}, {}))
    assert builder.cached() == [True] * 3, "a secret is not in the key"
    with pytest.raises(errors.Invalid, match="secret nope: not found"):
        builder(FROM + "RUN --mount=type=secret,id=nope,required=true true\n")


# ── images ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_image_of_a_cached_build_is_the_same(builder):
    text = FROM + 'ENV A=1\nCOPY . /in\nRUN echo x > /x\nCMD ["a"]\n'
    one = builder(text, tags=("t:1",))
    two = builder(text, tags=("t:2",))
    assert builder.cached() == [True, True] and one.image == two.image
    image = Image(builder.store.local(), one.root)
    assert image.config.cmd == ("a",) and "A=1" in image.config.env
    history = image.config.history
    assert [h.empty_layer for h in history[-4:]] == [True, False, False, True]
    assert len([h for h in history if not h.empty_layer]) == len(one.layers)
    assert all(h.created.endswith("Z") for h in history)
    assert builder.store.local().resolve("t:1") == builder.store.local().resolve("t:2")


def test_epoch_gives_the_same_bytes_in_another_store(builder, tmp_path):
    text = FROM + "RUN echo $RANDOM > /dev/null; mkdir /d; echo x > /d/x\nCOPY Dockerfile /\nWORKDIR /new\n"
    fields = {"epoch": 10**9, "outputs": (Output(rewrite_timestamp=True),)}
    one = builder(text, no_cache=(), **fields)
    time.sleep(1.1)
    os.utime(f"{builder.ctx}/Dockerfile")
    two = builder(text, no_cache=(), **fields)
    assert one.layers == two.layers and one.image == two.image and one.root == two.root
    config = Image(builder.store.local(), one.root).config
    assert config.created == "2001-09-09T01:46:40Z" and config.history[-1].created == config.created


def test_no_cache_filter(builder):
    text = "FROM box AS one\nRUN echo 1\nFROM box\nRUN echo 2\nCOPY --from=one /etc /e\n"
    builder(text)
    builder(text, no_cache=("one",))
    found = {e.name.partition("] ")[2]: e.cached for e in builder.events if isinstance(e, VertexUpdate)}
    assert (found["RUN echo 1"], found["RUN echo 2"]) == (False, True)
    assert found["COPY --from=one /etc /e"], "the stage was run again, but what is copied of it is the same"


def test_linked_copies_do_not_depend_on_what_is_below(builder):
    builder.files(data="x")
    builder(FROM + "RUN echo a\nCOPY --link data /in/\n")
    first = builder.result.layers[-1]
    builder(FROM + "RUN echo b\nCOPY --link data /in/\n")
    assert builder.result.layers[-1] == first
    found = {e.name.partition("] ")[2]: e.cached for e in builder.events if isinstance(e, VertexUpdate)}
    assert found["COPY --link data /in/"]


def test_missing_image_names_both_remedies(builder):
    with pytest.raises(errors.Error, match="none:1 is not in the local store") as caught:
        builder("FROM nowhere.example/none:1\n")
    hint = caught.value.hint
    assert "scow pull" in hint and "scow bootstrap" in hint and "scow import" in hint


# ── outputs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_outputs(builder, tmp_path):
    text = "FROM box AS b\nRUN echo hi > /f && chown 33:34 /f\nFROM scratch\nCOPY --from=b /f /d/f\nCOPY --from=b /bin/sh /d/l\n"
    wanted = [f"type=local,dest={tmp_path}/dir", f"type=tar,dest={tmp_path}/t.tar", f"type=oci,dest={tmp_path}/o.tar",
              f"type=docker,dest={tmp_path}/d.tar"]  # fmt: skip
    builder(text, tags=("out:1",), outputs=tuple(map(parse, wanted)))
    with open(tmp_path / "dir/d/f") as f:
        assert f.read() == "hi\n"
    with tarfile.open(tmp_path / "t.tar") as tar:
        assert tar.getmember("d/f").uid == 33
    with tarfile.open(tmp_path / "o.tar") as tar:
        assert json.load(tar.extractfile("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
        assert "manifest.json" not in tar.getnames()
    with tarfile.open(tmp_path / "d.tar") as tar:
        assert json.load(tar.extractfile("manifest.json"))[0]["RepoTags"] == ["out:1"]


def test_directory_output_does_not_follow_links_that_are_there(builder, tmp_path):
    os.makedirs(tmp_path / "out")
    os.symlink("/etc", tmp_path / "out/d")
    with pytest.raises(errors.Conflict, match="out/d exists and is no directory"):
        builder("FROM scratch\nCOPY Dockerfile /d/f\n", outputs=(parse(f"type=local,dest={tmp_path}/out"),))
    assert not os.path.exists("/etc/f")


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("-", Output("tar", "-")),
        ("out", Output("local", "out")),
        ("type=docker", Output("docker", docker_types=True)),
        ("type=image,name=a:1,push=true", Output("image", names=("a:1",), push=True)),
        ("type=registry,name=a:1", Output("image", names=("a:1",), push=True)),
        ('type=oci,dest=x,"name=a,b"', Output("oci", "x", ("a", "b"))),
    ],
)
def test_output_texts(text, output):
    assert parse(text) == output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("type=floppy", "--output type=floppy"),
        ("type=tar", "dest is required for tar exporter"),
        ("dest=x", "type is required"),
        ("type=image,zip=1", "--output zip=1"),
        ("type=image,push=maybe", "invalid value for push"),
        ("type=image,compression=zstd", "compression=zstd"),
    ],
)
def test_refused_outputs(text, said):
    with pytest.raises(errors.Invalid, match=said):
        parse(text)


# ── contexts and sources ────────────────────────────────────────────────────────────────────────────────────────────


def archive(files, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return out.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_context_from_an_archive(builder, mode):
    data = archive({"Dockerfile": b"FROM box\nCOPY a /\n", "a": b"from tar"}, mode)
    result = build(BuildRequest("-", stdin=io.BytesIO(data)), builder.store)
    builder.result = result
    assert builder.top() == ["a"]


def test_build_file_alone_from_stdin(builder):
    result = build(BuildRequest("-", stdin=io.BytesIO(b"FROM box\nRUN true\n")), builder.store)
    assert len(result.layers) == 3
    with pytest.raises(errors.NotFound, match='"/x": not found'):
        build(BuildRequest("-", stdin=io.BytesIO(b"FROM box\nCOPY x /\n")), builder.store)


def test_build_file_from_stdin_with_a_context(builder):
    builder.files(data="x")
    builder.result = build(
        BuildRequest(builder.ctx, "-", io.BytesIO(b"FROM box\nCOPY data /\n")), builder.store
    )  # fmt: skip
    assert builder.top() == ["data"]


def test_archive_that_leads_out(builder):
    data = archive({"Dockerfile": b"FROM box\nCOPY . /\n", "../../evil": b"x", "/abs": b"y"})
    builder.result = build(BuildRequest("-", stdin=io.BytesIO(data)), builder.store)
    assert builder.top() == ["Dockerfile", "abs", "evil"]


def test_ignore_file(builder):
    builder.files(data="x", skip="y")
    builder.files(**{".dockerignore": "*\n!data\n"})
    try:
        builder(FROM + "COPY . /in/\n")
        assert builder.top() == ["in", "in/data"]
    finally:
        os.unlink(f"{builder.ctx}/.dockerignore")


def test_named_context(builder, tmp_path):
    (tmp_path / "f").write_text("named")
    builder(FROM + "COPY --from=other f /\n", contexts={"other": str(tmp_path)})
    assert builder.top() == ["f"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_add_unpacks_archives(builder, mode):
    with open(f"{builder.ctx}/a.tar", "wb") as f:
        f.write(archive({"x/y": b"1", "../z": b"2"}, mode))
    builder(FROM + "ADD a.tar /in/\n")
    assert builder.top() == ["in", "in/x", "in/x/y", "in/z"]
    builder(FROM + "COPY a.tar /in/\n")
    assert builder.top() == ["in", "in/a.tar"]


@pytest.fixture
def web(tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            served.append((self.path, self.headers.get("If-None-Match")))
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/f")
                self.end_headers()
            elif self.path == "/gone":
                self.send_error(404)
            elif self.headers.get("If-None-Match") == content["etag"]:
                self.send_response(304)
                self.end_headers()
            else:
                self.send_response(200)
                self.send_header("ETag", content["etag"])
                self.send_header("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT")
                self.send_header("Content-Length", str(len(content["body"])))
                self.end_headers()
                self.wfile.write(content["body"])

        def log_message(self, *args):
            pass

    served, content = [], {"etag": '"1"', "body": b"from the web"}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.served, server.content, server.url = served, content, f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_add_from_the_web(builder, web):
    text = FROM + f"ADD {web.url}/f /in/\n"
    builder(text)
    with builder.store.layers.open(builder.result.layers[-1]) as f, tarfile.open(fileobj=f) as tar:
        member = tar.getmember("in/f")
        assert (oct(member.mode), member.mtime, member.size) == ("0o600", 10**9, 12)
    first = builder.result.layers
    builder(text)
    assert web.served[-1] == ("/f", '"1"') and builder.result.layers == first
    web.content.update(etag='"2"', body=b"changed")
    builder(text)
    assert builder.result.layers != first
    with pytest.raises(errors.NotFound, match="invalid response status 404"):
        builder(FROM + f"ADD {web.url}/gone /\n")


def test_add_with_a_checksum(builder, web):
    import hashlib

    good = hashlib.sha256(b"from the web").hexdigest()
    builder(FROM + f"ADD --checksum=sha256:{good} {web.url}/moved /m\n")
    asked = len(web.served)
    builder(FROM + f"ADD --checksum=sha256:{good} {web.url}/moved /m\n")
    assert len(web.served) == asked, "what the checksum names need not be asked for again"
    with pytest.raises(errors.Corrupt, match="digest mismatch"):
        builder(FROM + f"ADD --checksum=sha256:{'0' * 64} {web.url}/f /m\n")


def test_context_from_the_web(builder, web):
    web.content["body"] = archive({"Dockerfile": b"FROM box\nCOPY a /\n", "a": b"x"}, "w:gz")
    builder.result = build(BuildRequest(f"{web.url}/ctx.tar.gz"), builder.store)
    assert builder.top() == ["a"]
    web.content.update(body=b"FROM box\nRUN echo plain > /p\n", etag='"9"')
    builder.result = build(BuildRequest(f"{web.url}/Dockerfile"), builder.store)
    assert builder.top() == ["p"]


@pytest.fixture
def repository(tmp_path):
    if not shutil.which("git"):
        pytest.skip("needs git")
    top = tmp_path / "repo.git"
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_DATE": "1000000000 +0000",
           "GIT_COMMITTER_DATE": "1000000000 +0000"}  # fmt: skip
    who = ["-c", "user.name=n", "-c", "user.email=e@x"]

    def git(*args):
        return subprocess.run(["git", *who, *args], cwd=top, env=env, check=True, capture_output=True).stdout

    os.makedirs(top / "sub")
    (top / "Dockerfile").write_text("FROM box\nCOPY . /g/\n")
    (top / "sub/Dockerfile").write_text("FROM box\nCOPY f /sub/\n")
    (top / "sub/f").write_text("in git")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("tag", "-a", "v1", "-m", "tag")
    return f"file://{top}", git


def test_git_sources(builder, repository, monkeypatch):
    from scow.build.graph import Edge, Vertex
    from scow.build.ops import Attr, Copy, FileAction, FileOp, SourceOp
    from scow.build.service import _Session

    address, git = repository
    commit = git("rev-parse", "HEAD").decode().strip()

    def names(fragment, **attrs):
        given = tuple(sorted({Attr.GIT_URL: address, **attrs}.items()))
        source = Edge(Vertex(SourceOp(f"git://x{fragment}", given)))
        edge = Edge(Vertex(FileOp((FileAction(Copy("/", "/"), -1, 0, 0),)), (source,)))
        with _Session(BuildRequest("."), builder.store, None, lambda e: None) as session:
            stack = session._solve(edge)
            with session.world.tree(stack) as files:
                from scow.build.files import walk

                return {i.path: i.mtime for i in walk(files, files.find(""))}

    everything = ["Dockerfile", "sub", "sub/Dockerfile", "sub/f"]
    assert list(names("")) == everything and set(names("").values()) == {10**18}
    assert list(names("#main:sub")) == ["Dockerfile", "f"]
    assert list(names("#v1")) == everything
    assert list(names(f"#{commit}")) == everything
    assert ".git/HEAD" in names("", **{Attr.KEEP_GIT: "true"})
    with pytest.raises(errors.NotFound, match="does not contain ref nope"):
        names("#nope")
    with pytest.raises(errors.Corrupt, match="expected checksum to match abc"):
        names("", **{Attr.GIT_CHECKSUM: "abc"})
    with pytest.raises(errors.Invalid, match="invalid git source"):
        names("#--upload-pack=touch /tmp/x")
