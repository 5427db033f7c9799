from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scow.errors import Corrupt
from scow.oci.config import Healthcheck, History, ImageConfig
from scow.oci.digest import Digest
from scow.oci.platform import Platform
from scow.oci.validate import config_faults

A, B = Digest.of(b"a"), Digest.of(b"b")

# Written by BuildKit (docker 28.5): its order and its escapes.
BUILT = (
    '{"architecture":"amd64","config":{"User":"1","ExposedPorts":{"80/tcp":{}},"Env":["PATH=/bin",'
    '"A=\\u003cb\\u003e\\u0026"],"Entrypoint":["a"],"Cmd":["b"],"Volumes":{"/v":{}},"WorkingDir":"/w",'
    '"Labels":{"a":"2","z":"1"},"StopSignal":"SIGINT","ArgsEscaped":true,"Healthcheck":{"Test":["CMD-SHELL","true"],'
    '"Interval":5000000000},"OnBuild":["RUN true"],"Shell":["/bin/ash","-c"]},"created":"2026-11-23T12:56:46.16Z",'
    '"history":[{"created":"2026-11-23T12:40:17Z","comment":"Imported from -"},{"created":"2026-11-23T12:56:45Z",'
    '"created_by":"ENV A=\\u003cb\\u003e\\u0026","comment":"buildkit.dockerfile.v0","empty_layer":true}],'
    f'"os":"linux","rootfs":{{"type":"layers","diff_ids":["{A}"]}}}}'
).encode()


def config(**run: object) -> ImageConfig:
    return ImageConfig(json.dumps({"config": run}).encode())


def test_accessors() -> None:
    c = ImageConfig(BUILT)
    assert (c.created, c.author, c.os, c.architecture, c.variant) == (
        "2026-11-23T12:56:46.16Z",
        "",
        "linux",
        "amd64",
        "",
    )
    assert c.platform == Platform("linux", "amd64")
    assert (c.user, c.env, c.working_dir) == ("1", ("PATH=/bin", "A=<b>&"), "/w")
    assert (c.entrypoint, c.cmd, c.shell) == (("a",), ("b",), ("/bin/ash", "-c"))
    assert (c.exposed_ports, c.volumes, c.labels) == (("80/tcp",), ("/v",), {"a": "2", "z": "1"})
    assert (c.stop_signal, c.args_escaped, c.on_build) == ("SIGINT", True, ("RUN true",))
    assert c.healthcheck == Healthcheck(("CMD-SHELL", "true"), interval=5_000_000_000)
    assert c.diff_ids == (A,)
    assert c.history[1] == History(
        "2026-11-23T12:56:45Z", "ENV A=<b>&", comment="buildkit.dockerfile.v0", empty_layer=True
    )
    assert c.digest == Digest.of(BUILT)
    assert config_faults(c) == []


def test_absent_and_null_are_empty() -> None:
    for text in (b"{}", b'{"config":null,"rootfs":null,"history":null}', b'{"config":{"Env":null,"Cmd":null}}'):
        c = ImageConfig(text)
        assert (c.env, c.cmd, c.entrypoint, c.labels, c.volumes, c.healthcheck) == ((), (), (), {}, (), None)
        assert (c.diff_ids, c.history, c.user, c.created) == ((), (), "", "")


def test_docker_also_takes_one_string_for_a_command() -> None:
    assert config(Cmd="sh").cmd == ("sh",)


def test_unchanged_means_the_same_bytes_as_buildkits() -> None:
    assert ImageConfig(BUILT).with_changes(config={}).raw == BUILT


def test_changes_keep_the_order_and_unknown_fields() -> None:
    c = ImageConfig(b'{"os":"linux","zz":{"x":1},"config":{"Odd":1,"User":"u","Env":["a=b"],"Hostname":""},"aa":2}')
    new = c.with_changes(config={"Cmd": ["c"], "Env": None, "Labels": {"z": "1", "a": "2"}}, author="me", os=None)
    assert new.raw == (
        b'{"aa":2,"author":"me","config":{"Hostname":"","User":"u","Cmd":["c"],"Labels":{"a":"2","z":"1"},"Odd":1},'
        b'"zz":{"x":1}}'
    )
    assert c.user == "u"
    assert c.env == ("a=b",)


def test_layers_are_added_on_top() -> None:
    c = ImageConfig(BUILT).with_layers([B], [History(created_by="RUN x")])
    assert c.diff_ids == (A, B)
    assert [h.created_by for h in c.history] == ["", "ENV A=<b>&", "RUN x"]
    assert c.doc["history"][-1] == {"created_by": "RUN x"}
    assert config_faults(c) == []
    bare = ImageConfig(b"{}").with_layers([A])
    assert bare.doc == {"rootfs": {"type": "layers", "diff_ids": [str(A)]}}


def test_new() -> None:
    c = ImageConfig.of(Platform("linux", "arm", "v7"), created="2020-01-01T00:00:00Z")
    assert c.raw == (
        b'{"architecture":"arm","config":{},"created":"2020-01-01T00:00:00Z","os":"linux",'
        b'"rootfs":{"type":"layers","diff_ids":[]},"variant":"v7"}'
    )


@pytest.mark.parametrize(
    ("run", "name", "words"),
    [
        ({"Env": ["a", 1]}, "env", "config.Env[1] is a number, not a string"),
        ({"Cmd": {}}, "cmd", "config.Cmd is an object, not an array"),
        ({"User": 0}, "user", "config.User is a number, not a string"),
        ({"Labels": {"a": []}}, "labels", "config.Labels['a'] is an array, not a string"),
        ({"Volumes": ["/a"]}, "volumes", "config.Volumes is an array, not an object"),
        ({"ArgsEscaped": "yes"}, "args_escaped", "config.ArgsEscaped is a string, not a boolean"),
        ({"Healthcheck": {"Interval": "5s"}}, "healthcheck", "config.Healthcheck.Interval is a string, not a number"),
        ({"Healthcheck": {"Retries": 1 << 64}}, "healthcheck", "config.Healthcheck.Retries is out of range"),
    ],
)
def test_wrong_fields_are_named(run: dict[str, Any], name: str, words: str) -> None:
    with pytest.raises(Corrupt) as caught:
        getattr(config(**run), name)
    assert str(caught.value) == words


def test_wrong_layers_are_named() -> None:
    with pytest.raises(Corrupt, match=r"rootfs.diff_ids\[1\]: invalid checksum digest format"):
        _ = ImageConfig(json.dumps({"rootfs": {"diff_ids": [str(A), "x"]}}).encode()).diff_ids
    with pytest.raises(Corrupt, match=r"history\[0\].empty_layer is a number"):
        _ = ImageConfig(b'{"history":[{"empty_layer":1}]}').history


def test_faults_are_all_told() -> None:
    bad = b'{"os":1,"architecture":2,"config":{"Env":3},"rootfs":{"type":"layers"}}'
    assert {f.split(" is ")[0] for f in config_faults(ImageConfig(bad))} == {
        "image config.os",
        "image config.architecture",
        "config.Env",
    }
    assert config_faults(ImageConfig(b'{"history":[{}]}')) == [
        "architecture is missing",
        "os is missing",
        "rootfs.type is '', not 'layers'",
        "the history has 1 layers, rootfs 0 diff ids",
    ]


@settings(max_examples=300)
@given(st.integers(0, len(BUILT)), st.integers(0, 6), st.binary(max_size=5))
def test_any_byte_may_be_anything(start: int, length: int, new: bytes) -> None:
    c = ImageConfig(BUILT[:start] + new + BUILT[start + length :])
    try:
        if not config_faults(c):
            assert ImageConfig(c.with_changes(config={"User": "x"}).raw).user == "x"
    except Corrupt:
        pass
