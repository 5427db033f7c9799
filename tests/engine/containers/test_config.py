"""Requests become docker's Config and HostConfig, and those the runtime's spec."""

from __future__ import annotations

import json

import pytest

from scow.engine.container import config, hostconfig, networking, spec
from scow.engine.container.spec import Place
from scow.engine.requests import (
    ContainerRequest,
    DeviceRequest,
    MountRequest,
    Namespaces,
    Networking,
    PortRequest,
    Resources,
    RestartPolicy,
    Security,
    Ulimit,
)
from scow.errors import Conflict, Invalid, NotFound
from scow.oci.config import ImageConfig
from scow.store.containers import ContainerRecord

ID = "abcdef0123456789" * 4


def image(**run: object) -> ImageConfig:
    return ImageConfig(json.dumps({"os": "linux", "architecture": "amd64", "config": run}).encode())


def record(
    request: ContainerRequest, base: ImageConfig, mounts: list[dict[str, object]] | None = None
) -> ContainerRecord:
    document = {
        "Config": config.config_of(request, base, ID),
        "HostConfig": hostconfig.host_config_of(request),
        "Mounts": mounts or [],
    }
    return ContainerRecord(ID, "name", "sha256:" + "0" * 64, 0, {}, (), document)


@pytest.mark.parametrize(
    ("entrypoint", "command", "wanted"),
    [
        (None, None, (["/entry"], ["default"])),
        (None, ("mine",), (["/entry"], ["mine"])),
        (("other",), None, (["other"], None)),
        (("other",), ("mine",), (["other"], ["mine"])),
        ((), ("mine",), (None, ["mine"])),
    ],
)
def test_entrypoint_and_command(
    entrypoint: tuple[str, ...] | None, command: tuple[str, ...] | None, wanted: tuple[object, object]
) -> None:
    request = ContainerRequest("i", command, entrypoint)
    found = config.config_of(request, image(Entrypoint=["/entry"], Cmd=["default"]), ID)
    assert (found["Entrypoint"], found["Cmd"]) == wanted


@pytest.mark.parametrize("entrypoint", [None, ()])
def test_no_command(entrypoint: tuple[str, ...] | None) -> None:
    base = image() if entrypoint is None else image(Cmd=["default"])
    with pytest.raises(Invalid, match="no command specified"):
        config.config_of(ContainerRequest("i", None, entrypoint), base, ID)


def test_what_is_joined_and_what_replaced() -> None:
    base = image(
        Env=["A=image", "B=image"], Labels={"k": "image", "l": "image"}, User="7", WorkingDir="/w", StopSignal="INT",
        ExposedPorts={"80/tcp": {}}, Volumes={"/v": {}}, Shell=["/bin/ash"], Healthcheck={"Test": ["CMD", "x"]},
    )  # fmt: skip
    request = ContainerRequest(
        "i", ("x",), env=("A=mine", "C"), labels=(("k", "mine"),), networking=Networking(expose=("9-10/udp",))
    )
    found = config.config_of(request, base, ID)
    assert found["Env"] == ["A=mine", "C", "B=image"]
    assert found["Labels"] == {"k": "mine", "l": "image"}
    assert list(found["ExposedPorts"]) == ["9/udp", "10/udp", "80/tcp"]
    assert found["Volumes"] == {"/v": {}}
    assert (found["User"], found["WorkingDir"], found["StopSignal"]) == ("7", "/w", "INT")
    assert found["Shell"] == ["/bin/ash"]
    assert found["Healthcheck"] == {"Test": ["CMD", "x"]}


def test_the_environment_of_the_process() -> None:
    base = image(Env=["PATH=/image", "GONE=1"])
    made = config.config_of(ContainerRequest("i", ("x",), env=("GONE", "A=b"), tty=True), base, ID)
    assert list(config.process_env(made, "/default").items()) == [
        ("PATH", "/image"),
        ("HOSTNAME", ID[:12]),
        ("TERM", "xterm"),
        ("A", "b"),
    ]


@pytest.mark.parametrize(
    ("spaces", "asked", "wanted"),
    [
        (Namespaces(), "", ID[:12]),
        (Namespaces(), "web", "web"),
        (Namespaces(network="container:x"), "", ""),
        (Namespaces(uts="host"), "", ID[:12]),
    ],
)
def test_host_names(spaces: Namespaces, asked: str, wanted: str) -> None:
    request = ContainerRequest("i", ("x",), namespaces=spaces, networking=Networking(hostname=asked))
    assert config.hostname_of(request, ID) == wanted


@pytest.mark.parametrize("spaces", [Namespaces(uts="host"), Namespaces(network="container:x")])
def test_host_names_that_cannot_be(spaces: Namespaces) -> None:
    request = ContainerRequest("i", ("x",), namespaces=spaces, networking=Networking(hostname="web"))
    with pytest.raises(Invalid, match="conflicting options: hostname"):
        config.hostname_of(request, ID)


@pytest.mark.parametrize("text", ["0", "65536", "x", "9-3", "1-70000"])
def test_ports_that_cannot_be(text: str) -> None:
    with pytest.raises(Invalid, match="invalid range format for --expose"):
        config.config_of(ContainerRequest("i", ("x",), networking=Networking(expose=(text,))), image(), ID)


def test_only_what_differs_is_kept_and_all_is_shown() -> None:
    assert hostconfig.host_config_of(ContainerRequest("i", ("x",))) == {}
    shown = hostconfig.shown({})
    assert shown["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}
    assert "Tmpfs" not in shown
    kept = hostconfig.host_config_of(ContainerRequest("i", ("x",), resources=Resources(memory=1 << 26)))
    assert kept == {"Memory": 1 << 26, "MemorySwap": 1 << 27}
    assert hostconfig.shown({"Privileged": True})["MaskedPaths"] is None


def test_a_spec_of_everything() -> None:
    request = ContainerRequest(
        "i", ("run", "me"), user="u:g", workdir="/w", tty=True, init=False, annotations=(("a", "b"),),
        mounts=(
            MountRequest("tmpfs", "", "/t", options=("size=1m", "exec")),
            MountRequest("tmpfs", "", "/t2", size=4096, mode=0o700),
        ),
        resources=Resources(memory=1 << 26, cpus=0.5, pids=9, oom_score_adj=5, shm_size=1 << 20,
                            ulimits=(Ulimit("nofile", 1, 2),)),
        security=Security(cap_drop=("ALL",), cap_add=("CHOWN",), options=("no-new-privileges",), read_only=True,
                          devices=(DeviceRequest("/dev/null", "/dev/x", "r"),), groups=("audio",),
                          sysctls=(("net.ipv4.ip_forward", "1"),)),
        namespaces=Namespaces(network="none", pid="host", cgroup="host"),
        networking=Networking(hostname="web", domainname="example"),
        restart=RestartPolicy("always"),
    )  # fmt: skip
    mounts: list[dict[str, object]] = [
        {"Type": "bind", "Source": "/h", "Destination": "/deep/er", "Mode": "", "RW": False, "Propagation": "rprivate"},
        {"Type": "volume", "Name": "v", "Source": "/v/_data", "Destination": "/deep", "RW": True, "Propagation": ""},
        {"Type": "tmpfs", "Source": "", "Destination": "/t2", "RW": True, "Propagation": ""},
    ]
    made = spec.spec_of(record(request, image(), mounts), Place("/dir", {}))
    process, linux = made["process"], made["linux"]
    assert process["args"] == ["run", "me"]
    assert process["cwd"] == "/w"
    assert process["terminal"] is True
    assert process["noNewPrivileges"] is True
    assert process["user"]["username"] == "u:g"
    assert process["user"]["groupNames"] == ["audio"]
    assert process["capabilities"]["bounding"] == ["CAP_CHOWN"]
    assert process["oomScoreAdj"] == 5
    assert process["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}]
    assert (made["hostname"], made["domainname"], made["annotations"]["a"]) == ("web", "example", "b")
    assert made["root"]["readonly"] is True
    assert {n["type"] for n in linux["namespaces"]} == {"mount", "network", "uts", "ipc"}
    assert linux["resources"]["memory"]["limit"] == 1 << 26
    assert linux["resources"]["cpu"] == {"period": 100_000, "quota": 50_000}
    assert linux["resources"]["pids"] == {"limit": 9}
    assert linux["sysctl"]["net.ipv4.ip_forward"] == "1"
    assert [d["path"] for d in linux["devices"]] == ["/dev/x"]
    by_target = {m["destination"]: m for m in made["mounts"]}
    assert by_target["/t"]["options"] == ["nosuid", "nodev", "size=1m", "exec"]
    assert by_target["/t2"]["options"] == ["noexec", "nosuid", "nodev", "mode=700", "size=4096"]
    assert by_target["/deep/er"]["options"] == ["rbind", "rprivate", "rro"]
    assert "size=1048576" in by_target["/dev/shm"]["options"]
    assert by_target["/etc/hosts"] == {
        "destination": "/etc/hosts", "type": "bind", "source": "/dir/hosts", "options": ["bind", "rprivate", "ro"],
    }  # fmt: skip
    order = [m["destination"] for m in made["mounts"]]
    assert order.index("/deep") < order.index("/deep/er"), "a mount does not hide those inside it"


def test_joined_namespaces_and_no_shm() -> None:
    request = ContainerRequest("i", ("x",), namespaces=Namespaces(network="container:c", ipc="none"))
    made = spec.spec_of(record(request, image()), Place("/other", {"network": "/proc/1/ns/net"}, "theirs"))
    assert {"type": "network", "path": "/proc/1/ns/net"} in made["linux"]["namespaces"]
    assert made["hostname"] == "theirs"
    assert "/dev/shm" not in {m["destination"] for m in made["mounts"]}


def test_a_file_of_ones_own_in_etc_wins() -> None:
    mounts: list[dict[str, object]] = [
        {"Type": "bind", "Source": "/mine", "Destination": "/etc/hosts", "RW": True, "Propagation": "rprivate"}
    ]
    made = spec.spec_of(record(ContainerRequest("i", ("x",)), image(), mounts), Place("/dir", {}))
    assert [m["source"] for m in made["mounts"] if m["destination"] == "/etc/hosts"] == ["/mine"]


def test_networks_that_cannot_be() -> None:
    with pytest.raises(NotFound, match="network nope not found"):
        networking.check({"NetworkMode": "nope"}, ports=False)
    with pytest.raises(Conflict, match="port publishing and the container type network mode"):
        networking.check({"NetworkMode": "container:x"}, ports=True)
    with pytest.raises(Conflict, match="not shareable"):
        spec.check({"IpcMode": "container:x"})


def test_ports_to_publish() -> None:
    ports = (PortRequest(80, "tcp", "127.0.0.1", 8080), PortRequest(53, "udp"))
    request = ContainerRequest("i", ("x",), networking=Networking(ports=ports, publish_all=True, expose=("99",)))
    found = {(p.container_port, p.host_port, p.host_ip, p.protocol) for p in networking.ports(record(request, image()))}
    assert found == {(80, 8080, "127.0.0.1", "tcp"), (53, 0, "", "udp"), (99, 0, "", "tcp")}
