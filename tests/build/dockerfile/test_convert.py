"""Stages to graph and configuration: what BuildKit would make of the same file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.build.dockerfile.samples import AMD64, PATH, built, created_by, image_config, resolve, top

from scow.build.dockerfile import DockerfileError, Options, convert, parse
from scow.build.graph import Edge, Vertex, topological
from scow.build.ops import CacheOption, Copy, ExecOp, FileOp, MergeOp, MkDir, MkFile, Owner, SecretEnv, SourceOp, User
from scow.errors import Unsupported
from scow.oci.platform import Platform


def names(conversion: Any) -> list[str]:
    return [v.hints.name for v in topological([conversion.edge])]


def sources(conversion: Any) -> dict[str, dict[str, str]]:
    ops = [v.op for v in topological([conversion.edge])]
    return {op.identifier: dict(op.attrs) for op in ops if isinstance(op, SourceOp)}


def copies(conversion: Any) -> list[Copy]:
    return [a.action for a in top(conversion).actions]


def fails(text: str, message: str, **options: Any) -> DockerfileError:
    with pytest.raises(DockerfileError) as caught:
        built(text, **options)
    assert caught.value.message == message
    return caught.value


# ── stages ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_what_the_target_needs_is_resolved_and_built() -> None:
    asked = []

    def watch(name: str, platform: Platform) -> Any:
        asked.append(name)
        return resolve(name, platform)

    text = (
        b"FROM a AS a\nRUN a\nFROM b AS b\nRUN b\nFROM c AS c\nCOPY --from=a /x /\nCOPY --from=d /y /\nFROM e\nRUN e\n"
    )
    convert(parse(text), Options(target="C", build_platform=AMD64), watch)
    assert asked == [f"docker.io/library/{n}:latest" for n in "acd"]


def test_targets_by_name_and_number() -> None:
    text = "FROM a AS one\nRUN 1\nFROM a\nRUN 2\nFROM one AS three\nRUN 3\n"
    assert created_by(built(text, target="ONE"))[-1].endswith("1 # buildkit")
    assert created_by(built(text, target="1"))[-1].endswith("2 # buildkit")
    assert len(created_by(built(text))) == 2
    error = fails(text, 'target stage "thre" could not be found (did you mean three?)', target="thre")
    assert error.hint == "stages are: one, stage-1, three"


def test_display_names() -> None:
    text = "FROM a AS base\nWORKDIR /w\nRUN x  y\nFROM base AS top\nCOPY --from=img /x /\nRUN <<E\n#!/bin/sh\nhi\nE\n"
    digest = "sha256:" + "a" * 64
    assert sorted(names(built(text))) == sorted(
        [
            f"[base 1/3] FROM docker.io/library/a:latest@{digest}",
            "[base 2/3] WORKDIR /w",
            "[base 3/3] RUN x  y",
            f"FROM docker.io/library/img:latest@{digest}",
            "[top 1/2] COPY --from=img /x /",
            "[internal] preparing inline document",
            "[top 2/2] RUN <<E (#!/bin/sh...)",
        ]
    )
    assert names(built("FROM a\nRUN x"))[-1] == "[2/2] RUN x"
    assert names(built("FROM a\nRUN x\nFROM scratch\nCOPY --from=0 / /"))[-1] == "[stage-1 1/1] COPY --from=0 / /"
    long = names(built("FROM a\n" + "RUN x\n" * 11))
    assert (long[0][:7], long[-1][:7]) == ("[ 1/12]", "[12/12]")
    both = built(
        "FROM --platform=$BUILDPLATFORM a\nARG TARGETARCH\nRUN x",
        platform=Platform("linux", "arm64"),
        multi_platform=True,
    )
    assert names(both)[-1] == "[linux/amd64->arm64 2/2] RUN x"


def test_display_shows_variables_but_no_secrets() -> None:
    text = 'FROM a\nARG V=1\nCOPY f$V /x$V/\nRUN --mount=type=secret,id=t,env=T echo "$V" ${U:-u} $T\n'
    assert names(built(text))[-2:] == [
        "[stage-0 2/3] COPY f1 /x1/",
        '[stage-0 3/3] RUN --mount=type=secret,id=t,env=T echo "1" ${U:-u} ****',
    ]


def test_vertices_know_their_lines() -> None:
    edge = built("FROM a\n\nRUN x \\\n y\n").edge
    assert edge is not None
    assert [(r.first, r.last) for r in edge.vertex.hints.lines] == [(3, 4)]
    assert edge.vertex.hints.file is not None
    assert edge.vertex.hints.file.name == "Dockerfile"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("FROM a AS x\nCOPY --from=y / /\nFROM b AS y\nCOPY --from=x / /\n", "circular dependency detected on stage: x", 2),
        ("FROM a AS x\nCOPY --from=x / /\n", "circular dependency detected on stage: x", 2),
        ("FROM a\nCOPY --from=9 a b\n", "invalid stage index 9", 2),
        ("FROM a\nCOPY --from=-1 a b\n", "invalid stage index -1", 2),
        (
            "FROM a AS x\nCOPY --from=y / /\nFROM b AS y\nFROM x",
            'cannot copy from stage "y", it needs to be defined before current stage "x"',
            2,
        ),
        (
            "FROM a AS x\nRUN --mount=from=y,target=/y x\nFROM b AS y\nFROM x",
            'cannot mount from stage "y" to "/y", stage needs to be defined before current command',
            2,
        ),
        ("FROM ${X}\n", "base name (${X}) should not be blank", 1),
        ("FROM ${X:?no}\n", 'failed to process "${X:?no}": X: no', 1),
        ("ARG V=${W:?no}\nFROM a\n", 'failed to process "${W:?no}": W: no', 1),
        ("FROM UPPER\n", 'failed to parse stage name "UPPER": invalid reference format: repository name (library/UPPER) must be lowercase', 1),
        ("FROM a:b:c\n", 'failed to parse stage name "a:b:c": invalid reference format', 1),
        ("FROM --platform=$X scratch\n", "empty platform value from expression $X", 1),
        ("FROM --platform=$BUILDPLTFORM scratch\n", "empty platform value from expression $BUILDPLTFORM (did you mean BUILDPLATFORM?)", 1),
        ("FROM --platform=a/b/c/d scratch\n", 'failed to parse platform a/b/c/d: "a/b/c/d": cannot parse platform specifier', 1),
        ("FROM a\nENV A=${b!}\n", 'failed to process "${b!}": unsupported modifier (!) in substitution', 2),
        ("FROM a\nEXPOSE x\n", "invalid containerPort: x", 2),
        ("FROM a\nEXPOSE 80/foo\n", 'invalid port: "80/foo": invalid proto: foo', 2),
        ("FROM a\nEXPOSE 80-70\n", "invalid containerPort: 80-70", 2),
        ("FROM a\nEXPOSE /tcp\n", 'invalid port: "/tcp": no port specified', 2),
        ("FROM a\nEXPOSE 1.2.3:80:80\n", "invalid IP address: 1.2.3", 2),
        ("FROM a\nEXPOSE 70-71:80-82\n", "invalid ranges specified for container and host Ports: 80-82 and 70-71", 2),
        ("FROM a\nSTOPSIGNAL FOO\n", "invalid signal: FOO", 2),
        ("FROM a\nCOPY https://x.y/z /a\n", "source can't be a URL for COPY", 2),
        ("FROM a\nCOPY git@github.com:a/b.git /a\n", "source can't be a git ref for COPY", 2),
        ("FROM a\nADD --checksum=sha256:00 a b\n", "checksum requires HTTP(S) or Git sources", 2),
        ("FROM a\nADD --checksum=sha256:00 a b c\n", "checksum can't be specified for multiple sources", 2),
        ("FROM a\nADD --checksum=sha256:00 https://x.y/z b\n", "invalid checksum digest length", 2),
        ("FROM a\nCOPY --chmod=999 a b\n", "invalid chmod parameter: '999'. it should be octal string and between 0 and 07777", 2),
        ("FROM a\nCOPY --chmod=77777 a b\n", "invalid chmod parameter: '77777'. it should be octal string and between 0 and 07777", 2),
        ("FROM a\nRUN --mount=type=foo x\n", 'unsupported mount type "foo"', 2),
        ("FROM a\nRUN --mount=type=cach,target=/x x\n", 'unsupported mount type "cach" (did you mean cache?)', 2),
        ("FROM a\nRUN --mount=type=bind x\n", 'invalid mount target "/"', 2),
        ("FROM a\nRUN --mount=type=secret x\n", "invalid secret mount. one of source, target required", 2),
        ("FROM a\nRUN --mount=target=/x,required x\n", "unexpected key 'required' for mount type 'bind'", 2),
        ("FROM a\nRUN --mount=type=tmpfs,target=/x,size=zz x\n", "invalid value for size: zz", 2),
        ("FROM a\nRUN --mount=foo=1,target=/x x\n", "unexpected key 'foo' in 'foo=1' (did you mean from?)", 2),
        ("FROM a\nRUN --mount=foo,target=/x x\n", "invalid field 'foo' must be a key=value pair", 2),
        ("FROM a\nRUN --mount=type=cache,target=/x,sharing=share x\n", 'unsupported sharing value "share" (did you mean shared?)', 2),
        ("FROM a\nRUN --mount=type=cache,target=/x,mode=99 x\n", "invalid value 99 for mode", 2),
        ("FROM a\nRUN --mount=target=/x,uid=1 x\n", 'uid not allowed for "bind" type mounts', 2),
        ("FROM a\nRUN --mount=type=secret,id=a,source=b x\n", "both source and id can't be set", 2),
        ("FROM a\nRUN --mount=target=/x,sharing=locked x\n", "invalid cache sharing set for bind mount", 2),
        ("FROM a\nRUN --mount=ro=maybe,target=/x x\n", "invalid value for ro: maybe", 2),
        ("FROM a\nRUN --mount=type=ssh,source=/x x\n", "ssh does not support source", 2),
        ("# check=foo\nFROM a\n", 'failed to parse check options: invalid check option "foo"', 1),
        ("# check=skip=X;error=x\nFROM a\n", 'failed to parse check options: failed to parse check option "error=x": strconv.ParseBool: parsing "x": invalid syntax', 1),
        ("FROM a\nVOLUME $X\n", "VOLUME specified can not be an empty string", 2),
    ],
)  # fmt: skip
def test_errors_have_dockers_words_and_a_place(text: str, message: str, line: int) -> None:
    assert fails(text, message).line == line


def test_an_image_that_is_not_there() -> None:
    error = fails("FROM missing-thing AS x\n", "missing-thing: docker.io/library/missing-thing:latest: not found")
    assert (error.status, error.line, error.column) == (404, 1, 6)
    fails(
        "FROM a AS builder\nFROM missing\nCOPY --from=bilder /x /\n",
        "missing: docker.io/library/missing:latest: not found",
    )
    with pytest.raises(DockerfileError, match=r"missingx.*did you mean missings\?"):
        built("FROM a AS missings\nFROM missingx\n")


def test_other_frontends_and_systems_are_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="frontend foo/bar:1"):
        built("# syntax=foo/bar:1\nFROM a\n")
    for name in ("docker/dockerfile:1", "docker.io/docker/dockerfile:1.7-labs", "docker/dockerfile@sha256:00"):
        assert built(f"# syntax={name}\nFROM a\n").edge
    assert built("# syntax=foo/bar\nFROM a\n", build_args={"BUILDKIT_SYNTAX": "docker/dockerfile:1"}).edge
    with pytest.raises(Unsupported, match="windows/amd64"):
        built("FROM a\n", platform=Platform("windows", "amd64"))


# ── arguments and environment ────────────────────────────────────────────────────────────────────────────────


def env_of(conversion: Any) -> list[str]:
    op = top(conversion)
    assert isinstance(op, ExecOp)
    return list(op.meta.env)


def test_arguments_reach_run_but_not_the_image() -> None:
    text = "ARG G=g\nFROM a:$G\nARG G\nARG A=1 B C\nENV E=$A$B\nRUN x\n"
    made = built(text, build_args={"B": "b", "UNUSED": "u", "HTTP_PROXY": "http://p", "no_proxy": "n"})
    assert env_of(made) == [PATH, "G=g", "A=1", "B=b", "E=1b"]
    assert made.config["config"]["Env"] == [PATH, "E=1b"]
    assert created_by(made) == ["ARG G=g", "ARG A=1 B=b C", "ENV E=1b", "RUN |4 G=g A=1 B=b C= /bin/sh -c x # buildkit"]
    proxy = top(made).meta.proxy
    assert (proxy.http_proxy, proxy.no_proxy, proxy.https_proxy) == ("http://p", "n", "")
    assert [(a.name, a.value) for a in made.arguments] == [("G", "g"), ("A", "1"), ("B", "b"), ("C", "")]


def test_arguments_are_inherited_by_stages_built_on_a_stage() -> None:
    text = "ARG G=g\nFROM a AS one\nARG A=1\nENV E=e\nFROM one\nRUN x $G\nFROM a\nRUN y\n"
    assert env_of(built(text, target="1")) == ["A=1", PATH, "E=e"]
    assert created_by(built(text, target="1"))[-1] == "RUN |1 A=1 /bin/sh -c x $G # buildkit"
    assert env_of(built(text)) == [PATH]


def test_env_beats_arg_and_later_values_beat_earlier() -> None:
    made = built("FROM a\nARG A=arg\nENV A=env\nRUN x\nARG A=again\nRUN y\n", build_args={})
    assert env_of(made) == [PATH, "A=again"]
    assert created_by(made)[2] == "RUN |1 A=env /bin/sh -c x # buildkit"


def test_env_uses_values_from_before_the_instruction() -> None:
    made = built("FROM a\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\n")
    assert made.config["config"]["Env"] == [PATH, "abc=bye", "def=hello", "ghi=bye"]


def test_platform_arguments() -> None:
    text = "FROM --platform=$BUILDPLATFORM a\nARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDARCH TARGETSTAGE\nRUN x\n"
    made = built(text, platform=Platform("linux", "arm", "v7"))
    assert env_of(made)[1:] == [
        "TARGETPLATFORM=linux/arm/v7",
        "TARGETOS=linux",
        "TARGETARCH=arm",
        "TARGETVARIANT=v7",
        "BUILDARCH=amd64",
        "TARGETSTAGE=default",
    ]
    assert made.edge is not None
    assert made.edge.vertex.platform == "linux/amd64"
    assert (made.config["architecture"], made.config["variant"]) == ("arm", "v7")
    assert env_of(built(text, build_args={"TARGETARCH": "mine"}))[3] == "TARGETARCH=mine"


def test_source_date_epoch() -> None:
    text = "ARG SOURCE_DATE_EPOCH\nFROM a\nWORKDIR /x\nENV a=b\n"
    made = built(text, build_args={"SOURCE_DATE_EPOCH": "1700000000"})
    assert made.epoch == 1_700_000_000
    assert [h["created"] for h in made.config["history"][1:]] == ["2023-11-14T22:13:20Z"] * 2
    assert top(made).actions[0].action.timestamp == 1_700_000_000 * 10**9
    assert built("FROM a\n", epoch=5).epoch == 5
    assert built("ARG SOURCE_DATE_EPOCH=7\nFROM a\n", epoch=5).epoch == 7
    assert built("FROM a\n", build_args={"SOURCE_DATE_EPOCH": ""}, epoch=5).epoch is None
    fails("FROM a\n", "invalid SOURCE_DATE_EPOCH: soon", build_args={"SOURCE_DATE_EPOCH": "soon"})
    with pytest.raises(Unsupported, match="SOURCE_DATE_EPOCH=context"):
        built("FROM a\n", build_args={"SOURCE_DATE_EPOCH": "context"})


# ── base images ──────────────────────────────────────────────────────────────────────────────────────────────


def test_scratch() -> None:
    made = built("FROM scratch\nLABEL a=b\n")
    assert made.edge is None
    assert made.config["config"] == {"Env": [PATH], "WorkingDir": "/", "Labels": {"a": "b"}}
    assert made.config["rootfs"] == {"type": "layers", "diff_ids": []}
    copied = built("FROM scratch\nCOPY . /\n")
    assert top(copied).actions[0].input == -1


def test_what_a_base_image_gives() -> None:
    made = built("FROM nopath\nRUN x\nWORKDIR y\n")
    assert made.edge is not None
    run = made.edge.vertex.inputs[0].vertex.op
    assert isinstance(run, ExecOp)
    assert (run.meta.user, run.meta.cwd, run.meta.env) == ("app", "/srv", ("A=1", PATH))
    assert top(made).actions[0].action == MkDir("/srv/y", owner=Owner(User("app", input=0)))
    assert made.config["config"]["WorkingDir"] == "/srv/y"
    assert "created" not in made.config
    assert made.base is not None
    assert made.base.created == "2020-01-01T00:00:00Z"


def test_a_base_without_layers_is_scratch_with_a_configuration() -> None:
    made = built("FROM empty\nCOPY a /\n")
    assert top(made).actions[0].input == -1
    assert made.config["config"]["Labels"] == {"a": "b"}


def test_onbuild_triggers_of_the_base_run_first() -> None:
    made = built("FROM onbuild AS x\nENV X=1\nRUN y\n")
    assert created_by(made) == [
        "COPY /etc/motd /m # buildkit",
        "RUN /bin/sh -c echo $X # buildkit",
        "ENV X=1",
        "RUN /bin/sh -c y # buildkit",
    ]
    assert "[2/4] ONBUILD COPY --from=alpine /etc/motd /m" in names(made)
    assert "docker.io/library/alpine" in "".join(sources(made))
    assert "OnBuild" not in made.config["config"]


def test_onbuild_between_stages_of_one_file() -> None:
    text = "FROM a AS tools\nRUN t\nFROM a AS base\nONBUILD COPY --from=tools /t /t\nONBUILD RUN use\nFROM base\nRUN mine\n"
    assert created_by(built(text))[-3:] == [
        "COPY /t /t # buildkit",
        "RUN /bin/sh -c use # buildkit",
        "RUN /bin/sh -c mine # buildkit",
    ]
    assert built(text, target="base").config["config"]["OnBuild"] == ["COPY --from=tools /t /t", "RUN use"]
    grandchild = built(
        text.replace("RUN mine", "RUN mine\nFROM 2x").replace("FROM base\n", "FROM base AS 2x\n").replace("2x", "x2")
    )
    assert sum("use" in c for c in created_by(grandchild)) == 1


def test_platform_of_from() -> None:
    made = built("FROM --platform=linux/arm64 a AS x\nRUN x\n")
    assert [v.platform for v in topological([made.edge])] == ["linux/arm64"] * 2  # type: ignore[list-item]
    assert made.config["architecture"] == "arm64"


# ── named contexts ───────────────────────────────────────────────────────────────────────────────────────────


def test_named_contexts_replace_images_and_stages() -> None:
    text = "FROM a AS base\nRUN x\nFROM base\nCOPY --from=src /f /g\nCOPY --from=docker.io/library/lib:1 / /\n"
    made = built(
        text,
        named_contexts={"base": "docker-image://alpine:3", "src": "local:dir", "lib:1": "https://h/x.git#v1:sub"},
        context_ignore={"src": ("*.o",)},
    )
    assert sources(made) == {
        "docker-image://docker.io/library/alpine:3@sha256:" + "a" * 64: {},
        "local://dir": {
            "local.excludepatterns": '["*.o"]',
            "local.followpaths": '["f"]',
            "local.sharedkeyhint": "context:src",
        },
        "git://h/x.git#v1:sub": {"git.fullurl": "https://h/x.git"},
    }
    assert "[context src] load from client" in names(made)


def test_named_context_for_one_platform_and_as_another_build() -> None:
    base = built("FROM b\nENV FROM_B=1\nRUN b\n")
    made = built("FROM a\nRUN x\n", named_contexts={"a::linux/amd64": base, "a": "docker-image://no"})
    assert env_of(made)[1] == "FROM_B=1"
    assert made.edge is not None
    assert made.edge.vertex.inputs[0] == base.edge
    fails("FROM a", "unsupported context source what for a", named_contexts={"a": "what://x"})
    fails("FROM a", "invalid context specifier what for a", named_contexts={"a": "what"})


def test_oci_layout_context() -> None:
    digest = "sha256:" + "b" * 64
    made = built("FROM a\n", named_contexts={"a": f"oci-layout://store/x@{digest}"})
    assert list(sources(made)) == [f"oci-layout://store/x@{digest}"]
    fails("FROM a", 'oci-layout reference "store" has no digest', named_contexts={"a": "oci-layout://store"})


def test_a_main_context_that_is_no_directory() -> None:
    given = Edge(Vertex(SourceOp("git://h/r.git")))
    made = built("FROM scratch\nCOPY a /\n", context=given)
    assert made.edge is not None
    assert made.edge.vertex.inputs == (given,)


# ── RUN ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("RUN a b", ("/bin/sh", "-c", "a b")),
        ('RUN ["a", "$b"]', ("a", "$b")),
        ('SHELL ["x", "-y"]\nRUN a  b', ("x", "-y", "a  b")),
        ("RUN <<E\na\nb\nE", ("/bin/sh", "-c", "a\nb\n")),
        ("RUN <<-E\n\ta\n\tE", ("/bin/sh", "-c", "a\n")),
        ("RUN <<E cat\na\nE", ("/bin/sh", "-c", "<<E cat\na\nE")),
        ("RUN cat <<A 3<<-'B' > /f\na\nA\n\tb\nB", ("/bin/sh", "-c", "cat <<A 3<<-'B' > /f\na\nA\n\tb\nB")),
        ("RUN", ("/bin/sh", "-c", "")),
    ],
)
def test_commands(text: str, args: tuple[str, ...]) -> None:
    assert top(built(f"FROM a\n{text}\n")).meta.args == args


def test_shell_of_the_base_image() -> None:
    assert top(built("FROM shelled\nRUN a\n")).meta.args == ("/bin/bash", "-ec", "a")


def test_a_script_with_an_interpreter_is_mounted() -> None:
    made = built("FROM a\nRUN <<'E'\n#!/usr/bin/python\nprint(1)\nE\n")
    assert made.edge is not None
    op = made.edge.vertex.op
    assert isinstance(op, ExecOp)
    assert op.meta.args == ("/bin/sh", "-c", "/dev/pipes/E")
    root, pipes = op.mounts
    assert (root.dest, pipes.dest, pipes.readonly, pipes.output) == ("/", "/dev/pipes/", True, -1)
    script = made.edge.vertex.inputs[pipes.input].vertex.op
    assert isinstance(script, FileOp)
    assert script.actions[0].action == MkFile("/E", b"#!/usr/bin/python\nprint(1)\n", 0o755)


def test_mounts() -> None:
    text = """FROM a AS base
FROM a
WORKDIR /w
RUN --mount=type=cache,target=~/.x,id=q,sharing=locked \\
    --mount=type=cache,target=/c/,mode=0700,uid=5 \\
    --mount=target=/src,source=sub/dir \\
    --mount=from=base,source=/etc,target=/etc2,rw \\
    --mount=type=tmpfs,target=/t,size=10m \\
    --mount=type=secret,id=s,required --mount=type=secret,src=e,env=E --mount=type=secret,id=b,target=/b,env=B,mode=0444 \\
    --mount=type=ssh,uid=9 --network=none --security=insecure x
"""
    made = built(text, build_args={"BUILDKIT_CACHE_MOUNT_NS": "ns"}, shm_size=1 << 20)
    op = top(made)
    by_dest = {m.dest: m for m in op.mounts}
    secrets = ["/run/secrets/s", "/b", "/run/buildkit/ssh_agent.0"]
    assert list(by_dest) == [*sorted(d for d in by_dest if d not in secrets), *secrets]
    assert by_dest["/w/~/.x"].cache == CacheOption("ns/q", "locked")
    assert (by_dest["/c/"].cache, by_dest["/c/"].selector) == (CacheOption("ns//c"), "/cache")
    assert (by_dest["/src"].selector, by_dest["/src"].readonly) == ("/sub/dir", True)
    assert (by_dest["/etc2"].selector, by_dest["/etc2"].readonly, by_dest["/etc2"].output) == ("/etc", False, -1)
    assert (by_dest["/t"].kind, by_dest["/t"].tmpfs_size, by_dest["/dev/shm"].tmpfs_size) == (
        "tmpfs",
        10 << 20,
        1 << 20,
    )
    secret = by_dest["/run/secrets/s"].secret
    assert (secret.id, secret.mode, secret.optional) == ("s", 0o400, False)
    assert by_dest["/b"].secret.mode == 0o444
    assert op.secret_env == (SecretEnv("e", "E", True), SecretEnv("b", "B", True))
    agent = by_dest["/run/buildkit/ssh_agent.0"].ssh
    assert (agent.id, agent.uid, agent.mode) == ("default", 9, 0o600)
    assert "SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0" in op.meta.env
    assert (op.network, op.security) == ("none", "insecure")
    assert json.loads(sources(made)["local://context"]["local.followpaths"]) == ["sub/dir"]
    assert [(s.id, s.required) for s in made.secrets] == [("s", True), ("e", False), ("b", False)]
    assert [s.id for s in made.ssh] == ["default"]


def test_mount_values_may_hold_variables() -> None:
    op = top(built("FROM a\nARG D=/deep\nRUN --mount=type=cache,target=$D/x,id=${D#/} x\n"))
    assert (op.mounts[1].dest, op.mounts[1].cache) == ("/deep/x", CacheOption("/deep"))


def test_settings_of_the_build_reach_run() -> None:
    made = built(
        "FROM a\nUSER u:g\nRUN x\n",
        network="host",
        extra_hosts=(("h", "1.2.3.4"),),
        ulimits=(("nofile", 1, 2),),
        cgroup_parent="/cg",
        build_args={"BUILDKIT_SANDBOX_HOSTNAME": "hn"},
        devices=("a/b=c",),
    )
    op = top(made)
    meta = op.meta
    assert (op.network, meta.user, meta.extra_hosts, meta.ulimits) == (
        "host",
        "u:g",
        (("h", "1.2.3.4"),),
        (("nofile", 1, 2),),
    )
    assert (meta.cgroup_parent, meta.hostname, op.devices) == ("/cg", "hn", ("a/b=c",))


def test_no_cache_for_all_or_some_stages() -> None:
    text = "FROM a AS one\nRUN x\nFROM one AS two\nCOPY a /\nRUN y\n"
    for asked, expected in [(None, [0, 0, 0]), ((), [1, 1, 1]), (("ONE",), [1, 0, 0]), (("two",), [0, 1, 1])]:
        vertices = topological([built(text, no_cache=asked).edge])  # type: ignore[list-item]
        marked = [v.hints.no_cache for v in vertices if not isinstance(v.op, SourceOp)]
        assert marked == [bool(e) for e in expected], asked


# ── COPY and ADD ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("args", "src", "dest"),
    [
        ("a b", ["/a"], "/w/b"),
        ("./a/ b/", ["/a"], "/w/b/"),
        ("../../a /", ["/a"], "/"),
        (". .", ["/"], "/w/"),
        (". ./", ["/"], "/w/"),
        ("a b/.", ["/a"], "/w/b/."),
        ("a* b? /x/../y/", ["/a*", "/b?"], "/y/"),
        ('["a b", "c d"]', ["/a b"], "/w/c d"),
        ("$V ${V}x", ["/v"], "/w/vx"),
        ("\"a\" 'b'", ["/a"], "/w/b"),
    ],
)
def test_paths(args: str, src: list[str], dest: str) -> None:
    actions = copies(built(f"FROM a\nARG V=v\nWORKDIR /w\nCOPY {args}\n"))
    assert ([a.src for a in actions], {a.dest for a in actions}) == (src, {dest})
    assert all(a.contents and a.wildcard and a.allow_empty_wildcard and a.follow_symlinks for a in actions)


def test_several_sources_are_one_op() -> None:
    op = top(built("FROM a\nCOPY a b c/\n"))
    assert [(a.input, a.source, a.output) for a in op.actions] == [(0, 1, -1), (2, 1, 0)]


@pytest.mark.parametrize(
    ("flag", "owner"),
    [
        ("1:2", Owner(User(id=1), User(id=2))),
        ("root", Owner(User(id=0))),
        ("app:root", Owner(User("app", input=0), User(id=0))),
        ("app:grp", Owner(User("app", input=0), User("grp", input=0))),
        ("$U", Owner(User("me", input=0))),
    ],
)
def test_owner(flag: str, owner: Owner) -> None:
    assert copies(built(f"FROM a\nENV U=me\nCOPY --chown={flag} a b\n"))[0].owner == owner


@pytest.mark.parametrize(
    ("flag", "mode"),
    [("644", "0644"), ("0755", "0755"), ("u=rwX,go=rX", "u=rwX,go=rX"), ("+x", "+x"), ("${M}", "07777")],
)
def test_mode(flag: str, mode: str) -> None:
    assert copies(built(f"FROM a\nENV M=7777\nCOPY --chmod={flag} a b\n"))[0].mode == mode


def test_link_is_a_layer_of_its_own() -> None:
    made = built("FROM a\nCOPY --link --chown=app a b\n")
    assert made.edge is not None
    assert made.edge.vertex.op == MergeOp((0, 1))
    below, layer = (e.vertex.op for e in made.edge.vertex.inputs)
    assert isinstance(below, SourceOp)
    assert isinstance(layer, FileOp)
    assert layer.actions[0].input == -1
    assert isinstance(layer.actions[0].action, Copy)
    assert layer.actions[0].action.owner == Owner(User("app"))
    assert names(made)[-2:] == ["[2/2] COPY --link --chown=app a b", "[2/2] LINK COPY --link --chown=app a b"]
    assert isinstance(top(built("FROM scratch\nCOPY --link a b\n")), FileOp)
    assert isinstance(top(built("FROM a\nCOPY --link --chmod=1 a b\n")), FileOp)  # as BuildKit


def test_parents_and_exclude() -> None:
    made = built("FROM a\nCOPY --parents --exclude=*.o --exclude=!a.o ./x/./y/**/*.c z /d/\n")
    first, second = copies(made)
    assert (first.src, first.parents, first.exclude) == ("/x/./y/**/*.c", True, ("*.o", "!a.o"))
    assert second.src == "/z"
    assert json.loads(sources(made)["local://context"]["local.followpaths"]) == ["x/y", "z"]
    assert created_by(made) == ["COPY --parents ./x/./y/**/*.c z /d/ # buildkit"]


def test_inline_files() -> None:
    made = built("FROM a\nARG V=v\nCOPY <<a <<'b' c /d/\n$V \"$V\" \\$V\na\n$V\nb\n")
    assert made.edge is not None
    files = [e.vertex.op for e in made.edge.vertex.inputs]
    inline = [f.actions[0].action for f in files if isinstance(f, FileOp)]
    assert inline == [MkFile("/a", b'v "v" $V\n'), MkFile("/b", b"$V\n")]
    assert [a.src for a in copies(made)] == ["/c", "/a", "/b"]
    assert created_by(made)[-1] == "COPY c <<a <<b /d/ # buildkit"
    assert not copies(made)[1].wildcard


def test_add() -> None:
    digest = "sha256:" + "c" * 64
    made = built(f"FROM a\nADD --checksum={digest} https://h/dir/f.tgz?x=1#y /a\n")
    assert sources(made)["https://h/dir/f.tgz?x=1#y"] == {"http.checksum": digest, "http.filename": "f.tgz"}
    assert (copies(made)[0].src, copies(made)[0].unpack) == ("/f.tgz", False)
    assert copies(built("FROM a\nADD --unpack https://h/ /a\n"))[0].src == "/__unnamed__"
    assert copies(built("FROM a\nADD --unpack https://h/f /a\n"))[0].unpack
    assert copies(built("FROM a\nADD f /a\n"))[0].unpack
    assert not copies(built("FROM a\nADD --unpack=false f /a\n"))[0].unpack
    assert not copies(built("FROM a\nCOPY f /a\n"))[0].unpack


@pytest.mark.parametrize(
    ("source", "identifier", "attrs"),
    [
        ("https://h/u/r.git", "git://h/u/r.git", {}),
        ("https://user:pw@h/r.git#main:a/../b", "git://h/r.git#main:b", {}),
        ("git@h:u/r.git?branch=x&keep-git-dir=1", "git://h/u/r.git#refs/heads/x", {"git.keepgitdir": "true"}),
        ("ssh://git@h/r?tag=v1&submodules=false", "git://h/r#refs/tags/v1", {"git.skipsubmodules": "true"}),
        ("https://h/r.git?checksum=abc&subdir=d", "git://h/r.git#:d", {"git.checksum": "abc"}),
    ],
)
def test_add_git(source: str, identifier: str, attrs: dict[str, str]) -> None:
    found = sources(built(f"FROM a\nADD {source} /a\n"))
    url = source.partition("#")[0].partition("?")[0]
    assert found[identifier] == {"git.fullurl": url, **attrs}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("https://h/r.git?foo=1", 'unexpected query "foo"'),
        ("https://h/r.git?ref=a&ref=b", 'query "ref" has multiple values'),
        ("https://h/r.git?ref=", 'query "ref" has no value'),
        ("https://h/r.git?ref=a#b", 'ref conflicts: "b" vs "a"'),
        ("https://h/r.git?tag=a&branch=b", "branch conflicts with tag"),
        ("https://h/r.git?submodules=x", 'invalid submodules value: "x"'),
        ("https://h/r.git?mtime=x", 'invalid mtime value: "x" (must be "checkout" or "commit")'),
    ],
)
def test_add_git_errors(source: str, message: str) -> None:
    fails(f"FROM a\nADD {source} /a\n", message)
    fails(
        "FROM a\nADD --keep-git-dir=false https://h/r.git?keep-git-dir=1 /a\n",
        "inconsistent keep-git-dir configuration",
    )


def test_only_what_is_copied_is_sent() -> None:
    made = built(
        "FROM a AS b\nCOPY x/../y ./z* /\nFROM b\nCOPY --from=b q /\nADD https://h/f w /\n", ignore=("*.o", "!a.o")
    )
    assert sources(made)["local://context"] == {
        "local.excludepatterns": '["*.o","!a.o"]',
        "local.followpaths": '["w","y","z*"]',
        "local.sharedkeyhint": "context",
    }
    assert "local.followpaths" not in sources(built("FROM a\nCOPY a .\nCOPY . .\n"))["local://context"]
    assert "local://context" not in sources(built("FROM a\nRUN x\n"))


# ── configuration ────────────────────────────────────────────────────────────────────────────────────────────


def test_configuration_and_history() -> None:
    text = """FROM a
MAINTAINER me
LABEL a=b "c d"="e f"
EXPOSE 80 53/UDP 100-102
VOLUME /v ["/x"]
USER $USER_NAME:g
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=90s --timeout=1500ms CMD echo hi
SHELL ["/bin/sh", "-ec"]
CMD echo "hi"
ENTRYPOINT ["a", "b\\"c"]
ONBUILD RUN x
"""
    made = built(text, labels={"from": "options"})
    config = made.config["config"]
    assert made.config["author"] == "me"
    assert config["Labels"] == {"a": "b", "c d": "e f", "from": "options"}
    assert sorted(config["ExposedPorts"]) == ["100/tcp", "101/tcp", "102/tcp", "53/udp", "80/tcp"]
    assert config["Volumes"] == {"/v": {}, "[/x]": {}}
    assert (config["User"], config["StopSignal"], config["Shell"]) == (":g", "SIGTERM", ["/bin/sh", "-ec"])
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "echo hi"], "Interval": 90 * 10**9, "Timeout": 1500 * 10**6}
    assert (config["Cmd"], config["Entrypoint"]) == (["/bin/sh", "-ec", 'echo "hi"'], ["a", 'b"c'])
    assert (config["ArgsEscaped"], config["OnBuild"]) == (True, ["RUN x"])
    assert created_by(made) == [
        "MAINTAINER me",
        "LABEL a=b c d=e f",
        "EXPOSE [100/tcp 101/tcp 102/tcp 53/udp 80/tcp]",
        "VOLUME [/v [/x]]",
        "USER :g",
        "STOPSIGNAL SIGTERM",
        "HEALTHCHECK {Test:[CMD-SHELL echo hi] Interval:1m30s Timeout:1.5s StartPeriod:0s StartInterval:0s Retries:0}",
        "SHELL [/bin/sh -ec]",
        'CMD ["/bin/sh" "-ec" "echo \\"hi\\""]',
        'ENTRYPOINT ["a" "b\\"c"]',
    ]
    assert all(h.get("empty_layer") for h in made.config["history"][1:])


def test_entrypoint_drops_the_bases_cmd() -> None:
    assert "Cmd" not in built('FROM a\nENTRYPOINT ["x"]\n').config["config"]
    assert built('FROM a\nCMD ["y"]\nENTRYPOINT ["x"]\n').config["config"]["Cmd"] == ["y"]
    assert "Entrypoint" not in built("FROM a\nENTRYPOINT []\n").config["config"]


def test_workdirs() -> None:
    made = built("FROM a\nWORKDIR /a/../b/\nWORKDIR c/\nWORKDIR $X\nWORKDIR /\n")
    assert created_by(made) == ["WORKDIR /a/../b/", "WORKDIR /b/c", "WORKDIR /b/c", "WORKDIR /"]
    assert [h.get("empty_layer", False) for h in made.config["history"][1:]] == [False, False, False, True]
    assert made.config["config"]["WorkingDir"] == "/"


def test_layers_in_history() -> None:
    made = built("FROM a\nENV a=b\nRUN x\nCOPY a b\nWORKDIR /x\nCMD x\n")
    assert [h.get("empty_layer", False) for h in made.config["history"]] == [False, True, False, False, False, True]
    assert {h["comment"] for h in made.config["history"][1:]} == {"buildkit.dockerfile.v0"}


def test_conversion_changes_nothing_it_was_given() -> None:
    config = image_config(Labels={"a": "b"})
    before = json.dumps(config.doc)
    file = parse(b"FROM a\nLABEL c=d\nENV x=y\nARG SOURCE_DATE_EPOCH=1\nRUN x\n")
    args = {"SOURCE_DATE_EPOCH": "5"}
    options = Options(build_args=args, build_platform=AMD64)
    first = convert(file, options, lambda _n, _p: (None, config))
    assert convert(file, options, lambda _n, _p: (None, config)) == first
    assert (json.dumps(config.doc), args) == (before, {"SOURCE_DATE_EPOCH": "5"})


def test_many_stages_and_long_stages() -> None:
    chain = "FROM a AS s0\n" + "".join(f"FROM s{n} AS s{n + 1}\nRUN {n}\n" for n in range(1500))
    assert len(created_by(built(chain))) == 1500
    fan = (
        "".join(f"FROM a AS f{n}\nRUN {n}\n" for n in range(300))
        + "FROM a\n"
        + "".join(f"COPY --from=f{n} / /\n" for n in range(300))
    )
    assert len(list(topological([built(fan).edge]))) == 601  # type: ignore[list-item]
