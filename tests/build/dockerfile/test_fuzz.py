"""Whatever stands in a file: it is understood, or refused as a Dockerfile."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.build.dockerfile.samples import AMD64, resolve

from scow.build.dockerfile import DockerfileError, Options, convert, parse
from scow.build.dockerfile.directives import find, syntax
from scow.build.graph import describe
from scow.errors import Unsupported

WORDS = st.sampled_from(
    "FROM RUN COPY ADD ENV ARG LABEL CMD ENTRYPOINT EXPOSE VOLUME USER WORKDIR SHELL ONBUILD HEALTHCHECK STOPSIGNAL NONE "
    "MAINTAINER a AS b scratch --from=b --from=0 --mount=type=cache,target=/x --mount=type=secret,id=s --chown=1:2 --link "
    "--parents --exclude=*.o --platform=linux/arm64 --interval=1s --network=none $A ${A:-x} ${A%.*} ${A//b/c} A=1 = <<E E "
    '<<-\'E\' \\ \n \n \n # #escape=` ["x"] ["x",1] /x/ . * 80/udp 1-3 http://h/f https://h/r.git#a:b \' " \t ; ` \r\n é'.split(
        " "
    )
)
FILES = st.lists(WORDS, max_size=40).map(" ".join).map(lambda s: f"ARG A\nFROM a AS b\n{s}\n".encode())


def understood(data: bytes) -> None:
    try:
        syntax(data)
        find("check", data)
        made = convert(parse(data), Options(build_platform=AMD64, all_stages=True), resolve)
    except (DockerfileError, Unsupported) as fault:
        assert str(fault)
        return
    if made.edge is not None:
        describe([made.edge])


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_random_bytes(data: bytes) -> None:
    understood(data)


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_random_bytes_below_a_from(data: bytes) -> None:
    understood(b"FROM a\nRUN " + data)


@given(FILES)
@settings(max_examples=600, deadline=None)
def test_random_instructions(data: bytes) -> None:
    understood(data)


@given(st.lists(st.tuples(WORDS, st.text(alphabet="abc${}:-/'\"\\<> \n", max_size=20)), max_size=8))
@settings(max_examples=300, deadline=None)
def test_random_arguments(lines: list[tuple[str, str]]) -> None:
    understood(("FROM a\n" + "\n".join(f"{name} {rest}" for name, rest in lines)).encode())
