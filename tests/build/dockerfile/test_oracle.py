"""The same Dockerfiles built by docker: configuration, history, findings and error words are the same."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest
from tests.build.dockerfile.samples import resolve

from scow.build.dockerfile import DockerfileError, Options, calls, convert, parse
from scow.oci.config import ImageConfig
from scow.oci.platform import Platform, host

BASE = "busybox:local"


def docker(*args: str, cwd: str | None = None) -> str:
    done = subprocess.run(["docker", *args], capture_output=True, text=True, cwd=cwd, timeout=100, check=False)
    return done.stdout + (done.stderr if done.returncode else "")


def has_docker() -> bool:
    try:
        return docker("image", "inspect", "-f", "ok", BASE).strip() == "ok"
    except OSError:
        return False


pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not has_docker(), reason=f"needs docker with {BASE}")]

TEXT = r"""FROM busybox:local AS first
ARG FOO=1 BAR
ENV A=b C="d e" ${FOO}x=$FOO
WORKDIR /foo/../bar/
WORKDIR baz/
RUN echo hi > a
RUN <<E
echo "two $FOO"
E
RUN cat <<E | grep -q three
three
E
FROM first
ARG VERSION=v1.2.3
ENV MAJOR=${VERSION%%.*} UNDER=${VERSION//./_} Q='$x' E=\$y
USER nobody:nogroup
EXPOSE 80 53/UDP 100-102
VOLUME /v "/w"
LABEL a=b "c d"=e old="x \
  y"
STOPSIGNAL 9
SHELL ["/bin/sh","-ec"]
CMD echo "hi"
ENTRYPOINT ["a","b\"c"]
COPY --chown=1:2 --chmod=755 <<a <<b /x/
A
a
B $FOO
b
COPY --from=first /bar/baz/a /bin/sh /copies/
ONBUILD RUN echo $FOO
MAINTAINER me
"""


def test_configuration_and_history(tmp_path: Any) -> None:
    (tmp_path / "Dockerfile").write_text(TEXT)
    tag = f"scow-oracle-{os.getpid()}:1"
    said = docker("build", "-q", "-t", tag, "--build-arg", "BAR=bb", "--label", "l=m", ".", cwd=str(tmp_path))
    try:
        theirs = json.loads(docker("inspect", tag))[0]
        history = docker("history", "--no-trunc", "--format", "{{json .}}", tag).splitlines()
    finally:
        docker("rmi", tag)
    assert "sha256:" in said
    base = json.loads(docker("inspect", BASE))[0]
    config = {
        "architecture": base["Architecture"],
        "os": "linux",
        "config": base["Config"],
        "rootfs": {"type": "layers", "diff_ids": base["RootFS"]["Layers"]},
    }

    def look_up(_name: str, _platform: Platform) -> Any:
        return None, ImageConfig(json.dumps(config).encode())

    made = convert(parse(TEXT.encode()), Options(build_args={"BAR": "bb"}, labels={"l": "m"}), look_up)
    mine = {k: v for k, v in made.config["config"].items() if v not in (None, "", [], {}, False)}
    assert mine == {k: v for k, v in theirs["Config"].items() if v not in (None, "", [], {}, False)}
    assert made.config["author"] == theirs["Author"]
    words = [json.loads(row)["CreatedBy"] for row in reversed(history)]
    assert [h["created_by"] for h in made.config["history"]] == words[-len(made.config["history"]) :]


CHECKED = """ARG A=busybox:local
FROM ${A} as Foo
run x
ENV a b
WORKDIR w
CMD a
CMD b
EXPOSE 80/TCP
ARG API_KEY
COPY $PAHT /x
RUN echo \\

  hi
MAINTAINER x
FROM --platform=$TARGETPLATFORM busybox:${B:-local} AS context
FROM foo AS foo
"""


def test_findings(tmp_path: Any) -> None:
    (tmp_path / "Dockerfile").write_text(CHECKED)
    theirs = json.loads(docker("build", "--call=check,format=json", "-q", ".", cwd=str(tmp_path)))["warnings"]

    def look_up(name: str, _platform: Platform) -> Any:
        return resolve(name, host())

    mine = calls.lint(parse(CHECKED.encode()), Options(), look_up)["warnings"]

    def plain(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted((f["ruleName"], f["detail"], f["location"]["ranges"][0]["start"]["line"]) for f in found)

    assert plain(mine) == plain(theirs)


@pytest.mark.parametrize(
    "line",
    [
        "FRM x",
        "COPY --form=x a b",
        "ENV A=b c",
        "ENV A=${b:?must be}",
        "RUN --mount=type=cach,target=/x x",
        "HEALTHCHECK --interval=5 CMD a",
        'CMD ["a", 1]',
        "EXPOSE 80/foo",
        "COPY --chmod=999 a b",
        "ADD --checksum=sha256:00 a b",
    ],
)
def test_error_words(tmp_path: Any, line: str) -> None:
    text = f"FROM busybox:local\n{line}\n"
    (tmp_path / "Dockerfile").write_text(text)
    said = docker("build", "--call=check", "-q", ".", cwd=str(tmp_path))
    words = re.search(r"ERROR: (?:failed to build: )?(?:failed to solve: )?(.*)", said)
    assert words
    with pytest.raises(DockerfileError) as caught:
        convert(parse(text.encode()), Options(), resolve)
    assert caught.value.message == words[1]
