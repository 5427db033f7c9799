"""Docker's defaults, and the flags of run as functions: pure, so compared as data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scow.errors import Invalid, Unsupported
from scow.kernel.capabilities import NAMES
from scow.runtime import flags, limits, spec


@pytest.fixture
def default() -> dict[str, Any]:
    return spec.default_spec()


def bounding(s: dict[str, Any]) -> list[str]:
    caps = s["process"]["capabilities"]
    assert caps["bounding"] == caps["effective"] == caps["permitted"]
    return list(caps["bounding"])


def test_default_is_what_docker_gives_runc(default: dict[str, Any]) -> None:
    # From config.json of docker 28.5's containers.
    assert len(bounding(default)) == 14
    assert [m["destination"] for m in default["mounts"]] == [
        "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm",
    ]  # fmt: skip
    assert len(default["linux"]["maskedPaths"]) == 12
    assert default["linux"]["readonlyPaths"] == [
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
    ]
    assert default["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert default["process"]["user"]["additionalGids"] == [0]


def test_functions_do_not_change_what_they_are_given(default: dict[str, Any]) -> None:
    before = json.dumps(default)
    s = flags.privileged(default)
    s = flags.process(s, ["x"], {"A": "b"}, "/tmp", terminal=True)
    s = flags.user(s, "web", ["audio"])
    s = flags.read_only(flags.hostname(s, "h", "d"))
    s = flags.sysctl(s, {"net.ipv4.ip_forward": "1"})
    s = flags.namespace(flags.namespace(s, "ipc", "host"), "network", "host")
    s = flags.tmpfs(flags.shm_size(s, 1 << 20), "/x", "size=1m")
    s = limits.device(limits.pids(limits.memory(s, 64 << 20), 10), "/dev/null", "/dev/x")
    s = flags.init(s, None)
    assert json.dumps(default) == before
    json.dumps(s)


@pytest.mark.parametrize(
    ("add", "drop", "has", "lacks"),
    [
        (["net_admin"], [], {"CAP_NET_ADMIN", "CAP_CHOWN"}, {"CAP_SYS_ADMIN"}),
        ([], ["CAP_CHOWN"], {"CAP_KILL"}, {"CAP_CHOWN"}),
        (["ALL"], ["CAP_SYS_ADMIN"], {"CAP_SYS_TIME"}, {"CAP_SYS_ADMIN"}),
        (["CHOWN"], ["ALL"], {"CAP_CHOWN"}, set(NAMES) - {"CAP_CHOWN"}),
        ([], ["all"], set(), set(NAMES)),
        (["ALL"], ["ALL"], set(NAMES), set()),
    ],
)
def test_capabilities(default: dict[str, Any], add: list[str], drop: list[str], has: set[str], lacks: set[str]) -> None:
    found = set(bounding(flags.capabilities(default, add, drop)))
    assert has <= found and not lacks & found


def test_unknown_capability(default: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match='invalid CapAdd: unknown capability: "CAP_FOO"'):
        flags.capabilities(default, ["foo"])
    with pytest.raises(Invalid, match="invalid CapDrop"):
        flags.capabilities(default, [], ["foo"])


def test_seccomp_follows_capabilities(default: dict[str, Any]) -> None:
    def allows(s: dict[str, Any], name: str) -> bool:
        return any(name in rule["names"] and not rule.get("args") for rule in s["linux"]["seccomp"]["syscalls"])

    assert not allows(default, "mount")
    assert allows(flags.capabilities(default, ["SYS_ADMIN"]), "mount")
    own = flags.security(default, ["seccomp=unconfined"])
    assert "seccomp" not in flags.capabilities(own, ["SYS_ADMIN"])["linux"]


def test_privileged(default: dict[str, Any]) -> None:
    s = flags.privileged(default, [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}])
    assert set(bounding(s)) == set(NAMES)
    assert "seccomp" not in s["linux"]
    assert s["linux"]["maskedPaths"] == s["linux"]["readonlyPaths"] == []
    assert s["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert not any("ro" in m["options"] for m in s["mounts"])
    assert "seccomp" not in flags.capabilities(s, ["SYS_ADMIN"])["linux"]


def test_security_options(default: dict[str, Any], tmp_path: Any) -> None:
    assert flags.security(default, ["no-new-privileges"])["process"]["noNewPrivileges"] is True
    assert flags.security(default, ["no-new-privileges:false"])["process"]["noNewPrivileges"] is False
    assert flags.security(default, ["label=disable", "apparmor:unconfined"]) == default
    (tmp_path / "p.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    s = flags.security(default, [f"seccomp={tmp_path}/p.json"])
    assert s["linux"]["seccomp"] == {"defaultAction": "SCMP_ACT_ALLOW"}
    assert "seccomp" in flags.security(flags.security(default, ["seccomp=unconfined"]), ["seccomp=builtin"])["linux"]
    with pytest.raises(Unsupported, match="apparmor=mine"):
        flags.security(default, ["apparmor=mine"])
    with pytest.raises(Invalid, match="Invalid --security-opt"):
        flags.security(default, ["nonsense=1"])
    with pytest.raises(Invalid, match="opening seccomp profile"):
        flags.security(default, ["seccomp=/no/such"])


def test_namespaces(default: dict[str, Any]) -> None:
    host = flags.namespace(default, "network", "host")
    assert not spec.has_namespace(host, "network")
    assert not any(k.startswith("net.") for k in host["linux"]["sysctl"])
    joined = flags.namespace(default, "network", "/proc/7/ns/net")
    assert {"type": "network", "path": "/proc/7/ns/net"} in joined["linux"]["namespaces"]
    ipc = flags.namespace(default, "ipc", "host")
    assert {m["destination"] for m in ipc["mounts"] if m["type"] == "bind"} == {"/dev/shm"}
    with pytest.raises(Invalid, match="hostname and the UTS"):
        flags.hostname(flags.namespace(default, "uts", "host"), "x")
    with pytest.raises(Invalid):
        flags.namespace(default, "mount", "host")


@pytest.mark.parametrize(
    ("key", "without", "words"),
    [
        ("kernel.panic", "", "sysctl 'kernel.panic' is not allowed"),
        ("net.ipv4.ip_forward", "network", "not allowed in host network namespace"),
        ("kernel.shmmax", "ipc", "not allowed in the host ipc namespace"),
        ("fs.mqueue.msg_max", "ipc", "not allowed in the host ipc namespace"),
        ("vm.swappiness", "", "not allowed"),
    ],
)
def test_sysctls_of_the_host_are_refused(default: dict[str, Any], key: str, without: str, words: str) -> None:
    s = flags.namespace(default, without, "host") if without else default
    with pytest.raises(Invalid, match=words):
        flags.sysctl(s, {key: "1"})


def test_mounts(default: dict[str, Any]) -> None:
    s = flags.mount(default, "/dev/shm/", "bind", "/x", ["rbind"])
    assert [m["source"] for m in s["mounts"] if m["destination"].rstrip("/") == "/dev/shm"] == ["/x"]
    t = flags.tmpfs(default, "/t", "exec,size=1m")["mounts"][-1]
    assert t["options"] == ["nosuid", "nodev", "exec", "size=1m"]
    for path in ("relative", "/", "//"):
        with pytest.raises(Invalid):
            flags.mount(default, path, "bind", "/x", [])
    assert (
        "size=1048576" in next(m for m in flags.shm_size(default, 1 << 20)["mounts"] if m["source"] == "shm")["options"]
    )


def test_limits(default: dict[str, Any]) -> None:
    s = limits.cpu(limits.cpus(limits.memory(default, 100 << 20, swap=-1), 0.5), shares=512, cpuset="0")
    resources = s["linux"]["resources"]
    assert resources["memory"] == {"limit": 100 << 20, "swap": -1}
    assert resources["cpu"] == {"period": 100_000, "quota": 50_000, "shares": 512, "cpus": "0"}
    assert limits.pids(default, 0)["linux"]["resources"]["pids"] == {"limit": -1}
    row = {"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}
    assert limits.ulimits(default, {"nofile": (1, 2)})["process"]["rlimits"] == [row]


@pytest.mark.parametrize(
    "call",
    [
        lambda s: limits.memory(s, 1 << 20),
        lambda s: limits.memory(s, 64 << 20, swap=32 << 20),
        lambda s: limits.memory(s, swap=32 << 20),
        lambda s: limits.cpus(s, 0),
        lambda s: limits.cpus(s, 4096),
        lambda s: limits.ulimits(s, {"nofile": (5, 2)}),
        lambda s: limits.ulimits(s, {"nonsense": (1, 2)}),
        lambda s: limits.oom_score_adj(s, 2000),
        lambda s: limits.device(s, "/dev/null", access="x"),
        lambda s: limits.device(s, "/etc/passwd"),
        lambda s: limits.device_rule(s, "c 1:x rwm"),
        lambda s: limits.blkio_weight(s, 5),
        lambda s: flags.process(s, ["x"], {}, "relative"),
        lambda s: flags.shm_size(s, 0),
    ],
)
def test_nonsense_is_refused(default: dict[str, Any], call: Any) -> None:
    with pytest.raises(Invalid):
        call(default)


def test_devices(default: dict[str, Any]) -> None:
    s = limits.device(default, "/dev/zero", "/dev/z", "r")
    made = s["linux"]["devices"][0]
    assert (made["path"], made["type"], made["major"], made["minor"]) == ("/dev/z", "c", 1, 5)
    assert s["linux"]["resources"]["devices"][-1] == {
        "allow": True, "access": "r", "type": "c", "major": 1, "minor": 5,
    }  # fmt: skip
    rule = limits.device_rule(default, "b 8:* rw")["linux"]["resources"]["devices"][-1]
    assert rule == {"allow": True, "type": "b", "access": "rw", "major": 8}


def test_init(default: dict[str, Any]) -> None:
    s = flags.init(flags.process(default, ["sleep", "1"]), "/usr/bin/docker-init")
    assert s["process"]["args"] == ["/sbin/docker-init", "--", "sleep", "1"]
    assert s["mounts"][-1]["source"] == "/usr/bin/docker-init"
    assert flags.init(default, None)["annotations"]["io.scow.init"] == "builtin"
