"""The flags of ``scow build``."""

from __future__ import annotations

import json
import os
import socket

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
RUN = "FROM busybox AS base\nRUN echo one > /one\nFROM base AS last\nRUN echo two > /two\n"


def named(build, *names):
    return [build.scow("image", "inspect", "-f", "{{.Id}}", n).stdout.strip() for n in names]


def test_several_tags(build):
    build(RUN, "-t", "t1:x", "--tag", "registry.example/t2", "-t", "t1:x")
    assert len(set(named(build, "t1:x", "registry.example/t2:latest"))) == 1


@pytest.mark.parametrize("name", ["UPPER", "a b", "x:", ":y", "-t"])
def test_bad_tags_are_refused_before_any_work(build, name):
    done = build(RUN, f"--tag={name}", code=None)
    assert done.returncode == 1 and done.stderr.startswith(f'ERROR: failed to build: invalid tag "{name}": ')


def test_file_inside_and_outside_of_the_context(build, tmp_path):
    place = build.context({"sub/My.Dockerfile": "FROM scratch\nCOPY f /\n", "f": "f"})
    outside = tmp_path / "other"
    outside.write_text("FROM scratch\nCOPY f /g\n")
    build.at(place, "-t", "in", "-f", f"{place}/sub/My.Dockerfile")
    done = build.at(place, "-t", "out", "-f", str(outside))
    assert "load build definition from other" in done.stderr
    assert list(build.read("in").files) == ["f"] and list(build.read("out").files) == ["g"]
    build.at(".", "-t", "in", "-f", "sub/My.Dockerfile", cwd=place)
    build.at(place, "-t", "piped", "-f", "-", stdin="FROM scratch\nCOPY f /piped\n")
    assert list(build.read("piped").files) == ["piped"]


def test_lower_case_file_name(build):
    place = build.context({"dockerfile": "FROM scratch\nCOPY dockerfile /\n"})
    build.at(place)


def test_target(build):
    assert "RUN echo two" not in build(RUN, "--target", "base").stderr
    assert "RUN echo two" in build(RUN, "--target", "LAST", "--no-cache").stderr
    done = build(RUN, "--target", "lats", code=1)
    assert 'ERROR: failed to build: failed to solve: target stage "lats" could not be found' in done.stderr


def test_cache_and_how_not_to_use_it(build):
    text = RUN.replace("one", "cache-one").replace("two", "cache-two")
    build(text)
    again = build(text).stderr
    assert "[base 2/2] RUN echo cache-one > /cache-one\n#" in again and again.count("CACHED") == 3
    assert build(text, "--no-cache").stderr.count("CACHED") == 1
    filtered = build(text, "--no-cache-filter", "last").stderr
    assert filtered.count("CACHED") == 2 and filtered.index("cache-one") < filtered.index("cache-two")


def test_labels_and_build_args(build):
    image = build.image(
        'FROM busybox\nARG A\nARG B=b\nLABEL x=1 y=2\nRUN echo "$A $B" > /ab\n',
        "--label", "x=over", "--label", "empty", "--build-arg", "A=a=a", "--build-arg", "B",
    )  # fmt: skip
    assert image.config["config"]["Labels"] == {"x": "over", "y": "2", "empty": ""}
    assert image.text("ab") == "a=a b\n"


def test_quiet_prints_only_the_id(build):
    done = build.scow("build", "-q", "-t", "quiet", build.context({"Dockerfile": RUN}))
    assert done.stdout.strip() == named(build, "quiet")[0] and done.stdout.count("\n") == 1 and done.stderr == ""
    failing = build.scow("build", "-q", build.context({"Dockerfile": "FROM busybox\nRUN echo no; false\n"}), code=1)
    assert failing.stdout == "" and "echo no; false" in failing.stderr


def test_files_about_the_image(build, tmp_path):
    build(RUN, "-t", "meta", "-t", "meta:2", "--iidfile", str(tmp_path / "id"), "--metadata-file", str(tmp_path / "m"))
    metadata = json.loads((tmp_path / "m").read_text())
    assert (tmp_path / "id").read_text() == named(build, "meta")[0] == metadata["containerimage.config.digest"]
    assert metadata["image.name"] == "docker.io/library/meta:latest,docker.io/library/meta:2"
    assert metadata["containerimage.digest"] == metadata["containerimage.descriptor"]["digest"]
    done = build(RUN, "--iidfile", "/nonexistent/id", code=None)
    assert done.returncode and "/nonexistent/id" in done.stderr


def test_named_contexts(build, tmp_path):
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra/f").write_text("extra")
    build("FROM scratch\nCOPY f /\n", "-t", "other-image", files={"f": "image"})
    image = build.image(
        "FROM scratch\nCOPY --from=extra f /1\nCOPY --from=img /f /2\n",
        "--build-context", f"extra={tmp_path}/extra", "--build-context", "img=docker-image://other-image",
    )  # fmt: skip
    assert (image.text("1"), image.text("2")) == ("extra", "image")
    replaced = build.image("FROM golang:9\nCOPY f /g\n", "--build-context", "golang:9=docker-image://other-image",
                           files={"f": "x"})  # fmt: skip
    assert sorted(replaced.files) == ["f", "g"]
    assert "expected key=value" in build(RUN, "--build-context", "nope", code=None).stderr
    missing = build("FROM x\n", "--build-context", "x=/nonexistent/dir", code=1)
    assert "/nonexistent/dir" in missing.stderr


def test_secrets(build, tmp_path):
    (tmp_path / "tok").write_text("from-file")
    text = "FROM busybox\nRUN --mount=type=secret,id=s,required=true wc -c < /run/secrets/s > /n\n"
    image = build.image(text, "--secret", f"id=s,src={tmp_path}/tok")
    assert image.text("n").strip() == "9" and "run/secrets/s" not in image
    missing = build(text, "--no-cache", code=1)
    assert "secret s: not found" in missing.stderr and "hint: pass it by --secret id=s" in missing.stderr
    assert "/nonexistent" in build(text, "--secret", "id=s,src=/nonexistent", code=None).stderr


def test_ssh_agent(build, tmp_path):
    path = str(tmp_path / "agent.sock")
    text = 'FROM busybox\nRUN --mount=type=ssh,required=true test -S "$SSH_AUTH_SOCK" && echo yes > /yes\n'
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(path)
        assert build.image(text, "--ssh", f"default={path}").text("yes") == "yes\n"
    assert "unset ssh forward key default" in build(text, "--no-cache", code=1).stderr
    assert "/nonexistent" in build(text, "--ssh", "default=/nonexistent", code=None).stderr


def test_networks_of_steps(build):
    text = "FROM busybox\nRUN ls /sys/class/net | tr '\\n' ' ' > /net; cat /etc/hosts > /h; ip route > /r\n"
    bridged = build.image(text, "--add-host", "db:10.1.2.3")
    assert bridged.text("net") == "eth0 lo " and "default via" in bridged.text("r")
    assert "10.1.2.3\tdb\n" in bridged.text("h")
    assert build.image(text, "--network", "none", "--no-cache").text("net") == "lo "
    assert "not supported" in build(text, "--network", "bridge", code=None).stderr


def test_limits_of_steps(build):
    text = "FROM busybox\nRUN ulimit -n > /n; df -k /dev/shm | tail -1 > /shm\n"
    image = build.image(text, "--ulimit", "nofile=77:77", "--shm-size", "3m")
    assert image.text("n") == "77\n" and " 3072 " in image.text("shm")


@pytest.mark.parametrize(
    "flags", [("--push",), ("--cache-from", "x"), ("--squash",), ("--provenance", "true"), ("--memory", "1g"),
              ("--allow", "network.host"), ("-o", "type=registry"), ("-o", "type=image,compression=zstd")]
)  # fmt: skip
def test_what_is_not_there_is_refused_by_name(build, flags):
    done = build(RUN, *flags, code=None)
    assert done.returncode and "RUN" not in done.stderr and done.stderr.count("\n") <= 2


def test_calls(build):
    text = "# base is first\nfrom busybox AS base\nARG A=1\nRUN --mount=type=secret,id=k true $A\nFROM base AS last\n"
    place = build.context({"Dockerfile": text})
    targets = build.scow("build", "--call=targets", place).stdout
    assert targets == "TARGET         DESCRIPTION\nbase           is first\nlast (default) \n"
    outline = build.scow("build", "--call=outline", place).stdout
    assert (
        "TARGET: last\n\nBUILD ARG   VALUE   DESCRIPTION\nA           1" in outline
        and "SECRET   REQUIRED\nk" in outline
    )
    check = build.scow("build", "--check", place, code=1).stdout
    assert check.startswith("Check complete, ") and f"{place}/Dockerfile:2\n" in check and ">>> from busybox" in check
    found = json.loads(build.scow("build", "--call=check,format=json", place, code=1).stdout)
    assert found["warnings"][0]["ruleName"] in check
    clean = build.scow("build", "--check", build.context({"Dockerfile": "FROM busybox\nRUN true\n"}))
    assert clean.stdout == "Check complete, no warnings found.\n"
    broken = build.scow("build", "--check", build.context({"Dockerfile": "FROM busybox\nNOPE\n"}), code=1)
    assert broken.stdout == "" and "ERROR: dockerfile parse error on line 2: unknown instruction: NOPE" in broken.stderr
    assert "unsupported call" in build.scow("build", "--call", "x", place, code=None).stderr
