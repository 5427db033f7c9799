"""Every instruction, from the build file to the image that is saved."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
ALPINE = "/work/shared/images/alpine-3.20.3-x86_64.tar.gz"


def tar_of(**files: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def test_settings_of_an_image(build):
    image = build.image(
        """FROM busybox
MAINTAINER me
ENV A=1 B="two words" PATH=/x:$PATH
LABEL one=1 "two words"='2 "q"'
EXPOSE 80 53/udp 8000-8002
VOLUME /data /more
WORKDIR /w
WORKDIR sub
USER 12:34
STOPSIGNAL SIGUSR1
SHELL ["/bin/ash", "-c"]
HEALTHCHECK --interval=5s --timeout=2s --start-period=1s --retries=4 CMD true || false
ONBUILD RUN echo later
ENTRYPOINT ["/e", "x"]
CMD echo $A
"""
    )
    config = image.config["config"]
    env = dict(e.split("=", 1) for e in config["Env"])
    assert env.pop("PATH").startswith("/x:/") and env == {"A": "1", "B": "two words"}
    assert config["Labels"] == {"one": "1", "two words": '2 "q"'}
    assert sorted(config["ExposedPorts"]) == ["53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"]
    assert sorted(config["Volumes"]) == ["/data", "/more"]
    assert config["WorkingDir"] == "/w/sub" and config["User"] == "12:34" and config["StopSignal"] == "SIGUSR1"
    assert config["Shell"] == ["/bin/ash", "-c"]
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "true || false"], "Interval": 5 * 10**9, "Timeout": 2 * 10**9,
        "StartPeriod": 10**9, "Retries": 4,
    }  # fmt: skip
    assert config["OnBuild"] == ["RUN echo later"]
    assert config["Entrypoint"] == ["/e", "x"] and config["Cmd"] == ["/bin/ash", "-c", "echo $A"]
    assert image.config["author"] == "me"
    assert image.info("w/sub").isdir()


def test_run_in_all_its_forms(build):
    image = build.image(
        """# syntax=docker/dockerfile:1
FROM busybox
ENV WHO=world
ARG GREETING=hello
RUN echo "$GREETING $WHO" > /shell
RUN ["/bin/sh", "-c", "echo exec > /exec"]
RUN <<EOF
set -e
echo one > /heredoc
echo $WHO >> /heredoc
EOF
RUN <<-'EOT' sh -x
\techo dash > /dash
EOT
RUN cat <<A > /both && cat <<B >> /both
first
A
second
B
SHELL ["/bin/sh", "-c", "echo $0 > /shell-was"]
RUN an argument
SHELL ["/bin/sh", "-c"]
WORKDIR /work
USER 99
RUN id -u > /tmp/uid; pwd > /tmp/pwd
""",
        "--build-arg", "GREETING=salut",
    )  # fmt: skip
    assert image.text("shell") == "salut world\n" and image.text("exec") == "exec\n"
    assert image.text("heredoc") == "one\nworld\n" and image.text("dash") == "dash\n"
    assert image.text("both") == "first\nsecond\n" and image.text("shell-was") == "an argument\n"
    assert image.text("tmp/uid") == "99\n" and image.text("tmp/pwd") == "/work\n"
    assert image.info("tmp/uid").uid == 99


def test_a_run_that_deletes_leaves_whiteouts(build):
    image = build.image("FROM busybox\nRUN mkdir /d && echo x > /d/f && echo y > /g\nRUN rm -r /d /g && mkdir /d\n")
    assert "g" not in image and "d/f" not in image and image.info("d").isdir()


def test_mounts_of_run(build, monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", "s3cret")
    files = {"c/one": "1", "c/two": "2", "token": "s3cret"}
    image = build.image(
        """FROM busybox AS src
RUN echo staged > /staged
FROM busybox
RUN --mount=type=bind,source=c,target=/in cat /in/one /in/two > /out; touch /in/x 2>/dev/null || echo ro >> /out
RUN --mount=type=bind,from=src,source=/staged,target=/s cat /s > /fromstage
RUN --mount=type=bind,source=c,target=/in,rw touch /in/x && ls /in > /rw
RUN --mount=type=tmpfs,target=/t,size=1m sh -c 'grep " /t " /proc/mounts > /tmpfs; echo x > /t/x'
RUN --mount=type=cache,target=/c,id=test-mounts echo x >> /c/n; ls -d /c > /cache
RUN --mount=type=secret,id=tok,target=/sec,mode=0444 --mount=type=secret,id=tok,env=TOK wc -c < /sec > /len; \
 echo -n "$TOK" | md5sum > /sum
RUN --network=none ls /sys/class/net > /net
""",
        "--secret", "id=tok,env=TEST_TOKEN", files=files,
    )  # fmt: skip
    assert image.text("out") == "12ro\n" and image.text("fromstage") == "staged\n"
    assert image.text("rw") == "one\ntwo\nx\n"
    assert "size=1024k" in image.text("tmpfs") and "tmpfs" in image.text("tmpfs")
    assert image.text("len").strip() == "6" and image.text("sum").startswith(hashlib.md5(b"s3cret").hexdigest())
    assert image.text("net") == "lo\n"
    assert not image.below("in") and not image.below("t") and not image.below("c") and "sec" not in image
    assert "s3cret" not in json.dumps(image.config)


def test_cache_mounts_stay_between_builds(build):
    line = "RUN --mount=type=cache,target=/c,id=test-stays echo {} >> /c/n && cat /c/n > /seen\n"
    assert build.image("FROM busybox\n" + line.format(1)).text("seen") == "1\n"
    assert build.image("FROM busybox\n" + line.format(2)).text("seen") == "1\n2\n"


def test_copy_and_its_flags(build):
    files = {
        "a": "A", "b.txt": "B", "c.log": "C", "d/e/f": "F", "d/e/g.tmp": "G", "d/h": "H", "x y": "space",
        ".dockerignore": "ignored\n**/*.tmp\n", "ignored": "no",
    }  # fmt: skip
    image = build.image(
        """FROM busybox AS one
RUN echo from-one > /one
FROM busybox
ENV WORD=here
COPY a /renamed
COPY a b.txt /both/
COPY *.txt *.log /wild/
COPY d /tree
COPY ["x y", "/space/"]
COPY --from=one /one /one
COPY --from=busybox /bin/busybox /bb
COPY --from=0 --chown=77:77 /one /joes
COPY --chown=7:8 --chmod=640 a /owned
COPY --chmod=u=rwX,go=rX d /modes/
COPY --parents d/e/f d/h /p/
COPY --parents ./d/./e/f /q/
COPY --exclude=*.log --exclude=d . /rest/
COPY --link a /linked/a
COPY <<EOF <<"RAW" /here/
value $WORD
EOF
raw $HOME
RAW
COPY --chown=5 <<EOF /single
one
EOF
""",
        files=files,
    )
    assert image.text("renamed") == "A" and image.below("both") == ["both/a", "both/b.txt"]
    assert image.below("wild") == ["wild/b.txt", "wild/c.log"]
    assert image.below("tree") == ["tree/e", "tree/e/f", "tree/h"]
    assert image.text("space/x y") == "space" and image.text("one") == "from-one\n"
    assert image.info("bb").size > 10000 and image.info("joes").uid == 77
    assert (image.info("owned").uid, image.info("owned").gid, image.info("owned").mode & 0o7777) == (7, 8, 0o640)
    assert image.info("modes/h").mode & 0o777 == 0o644
    assert image.below("p") == ["p/d", "p/d/e", "p/d/e/f", "p/d/h"] and image.below("q") == ["q/e", "q/e/f"]
    rest = image.below("rest")
    assert "rest/a" in rest and "rest/c.log" not in rest and "rest/ignored" not in rest and "rest/d" not in rest
    assert image.text("linked/a") == "A"
    assert image.text("here/EOF") == "value here\n"
    assert image.text("here/RAW") == "raw $HOME\n"
    assert image.text("single") == "one\n" and image.info("single").uid == 5


def test_add_unpacks_archives_and_copies_the_rest(build):
    files = {"x.tar.gz": tar_of(inside="in the tar"), "plain": "p"}
    image = build.image(
        "FROM scratch\nADD x.tar.gz /un/\nADD plain /\nADD --unpack=false x.tar.gz /kept/\nCOPY x.tar.gz /copied/\n",
        files=files,
    )
    assert image.text("un/inside") == "in the tar" and image.text("plain") == "p"
    assert image.below("kept") == ["kept/x.tar.gz"] and image.below("copied") == ["copied/x.tar.gz"]


def test_onbuild_runs_in_the_child(build):
    build("FROM busybox\nONBUILD COPY f /from-child\nONBUILD RUN echo $(cat /from-child)! > /made\n", "-t", "parent")
    image = build.image("FROM parent\nRUN cat /made > /after\n", files={"f": "hi"})
    assert image.text("made") == "hi!\n" and image.text("after") == "hi!\n"
    assert not image.config["config"].get("OnBuild")


def test_stages_that_nobody_wants_are_skipped(build):
    done = build(
        "FROM busybox AS a\nRUN echo a > /a\nFROM nowhere/to:be AS unused\nRUN false\nFROM a\nRUN cat /a\n",
    )
    assert "[a 2/2] RUN echo a > /a" in done.stderr and "nowhere" not in done.stderr and "RUN false" not in done.stderr


def test_stages_overlap(build):
    """Two stages that wait for each other through a cache mount: one after the other they would never end."""
    wait = "i=0; until [ -e /c/{} ]; do sleep 0.05; i=$((i+1)); [ $i -lt 200 ]; done"
    mount = "--mount=type=cache,target=/c,id=test-overlap"
    stages = "".join(
        f"FROM busybox AS s{n}\nRUN {mount} rm -f /c/x; touch /c/$RUNID-{n}; "
        + wait.format(f"$RUNID-{(n + 1) % 4}")
        + f"; echo {n} > /out{n}\n"
        for n in range(4)
    ).replace("$RUNID", f"r{os.getpid()}")
    copies = "".join(f"COPY --from=s{n} /out{n} /\n" for n in range(4))
    image = build.image(f"{stages}FROM busybox\n{copies}", "--no-cache")
    assert [image.text(f"out{n}") for n in range(4)] == ["0\n", "1\n", "2\n", "3\n"]


def test_scope_of_args(build):
    image = build.image(
        """ARG BASE=busybox
ARG GLOBAL=global
ARG UNUSED=u
FROM ${BASE} AS one
ARG GLOBAL
ARG LOCAL=${GLOBAL}-local
RUN echo "$GLOBAL $LOCAL ${UNUSED:-none}" > /one
FROM one
RUN echo "${GLOBAL:-gone} ${LOCAL:-gone}" > /two
ARG LOCAL=mine
ENV LOCAL=env
RUN echo "$LOCAL $TARGETARCH $BUILDPLATFORM" > /three
ARG TARGETARCH
ARG BUILDPLATFORM
RUN echo "$TARGETARCH $BUILDPLATFORM" > /four
""",
        "--build-arg", "GLOBAL=given", "--build-arg", "LOCAL",
    )  # fmt: skip
    assert image.text("one") == "given given-local none\n"
    assert image.text("two") == "given given-local\n"
    assert image.text("three") == "env  \n"
    assert image.text("four").split()[1].startswith("linux/")
    assert not any(e.startswith("GLOBAL") for e in image.config["config"]["Env"])


def test_scratch_holds_only_what_is_copied(build):
    image = build.image('FROM scratch\nCOPY f /f\nCMD ["/f"]\n', files={"f": "x"})
    assert list(image.files) == ["f"] and image.config["config"]["Cmd"] == ["/f"]


@pytest.mark.skipif(not os.path.exists(ALPINE), reason="needs the alpine archive")
def test_alpine(build):
    build.scow("import", ALPINE, "alpine:3.20")
    image = build.image("FROM alpine:3.20\nRUN cat /etc/alpine-release > /v && apk --version\n")
    assert image.text("v").startswith("3.20")


def test_the_same_bytes_in_another_store(build, fresh):
    text = "FROM busybox\nCOPY a /a\nRUN echo x > /x && mkdir /d && ln -s x /l\nWORKDIR /w\nADD b /b\nCMD true\n"
    files = {"a": "a", "b/c": "c"}
    ids = []
    for one in (build, fresh):
        flags = ("--build-arg", "SOURCE_DATE_EPOCH=1700000000", "-q", "-o", "type=image,rewrite-timestamp=true")
        ids.append(one(text, *flags, files=files, cwd="/").stdout.strip())
    assert ids[0] == ids[1] and ids[0].startswith("sha256:")


def test_history_tells_the_steps(build):
    build("FROM busybox\nRUN echo hi > /hi\nENV A=1\nCOPY f /\n", "-t", "told", files={"f": "f"})
    steps = build.scow("history", "--no-trunc", "--format", "{{.CreatedBy}}", "told").stdout.splitlines()
    assert steps[:3] == ["COPY f / # buildkit", "ENV A=1", "RUN /bin/sh -c echo hi > /hi # buildkit"]
