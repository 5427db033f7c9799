"""Plans are data: compared as text with a golden file, and refused when a spec asks for what is not done."""

from __future__ import annotations

import os
from typing import Any

import pytest

from scow.errors import Error, Invalid, Unsupported
from scow.kernel.mount import Mount
from scow.runtime import flags, limits, spec
from scow.runtime.bundle import Bundle, from_json, load, to_json
from scow.runtime.host import Host
from scow.runtime.plan import plan

GOLDEN = os.path.join(os.path.dirname(__file__), "golden")
HOST = Host(True, (("memory", "/sys/fs/cgroup/memory/scow/c"), ("cpu,cpuacct", "/x")), (("cpu", "cpu,cpuacct"),))
OVERLAY = Mount("overlay", "overlay", "", ("lowerdir=/l", "upperdir=/u", "workdir=/w"))


def steps(s: dict[str, Any], host: Host = HOST, rootfs: tuple[Mount, ...] = (OVERLAY,)) -> list[str]:
    return [step.describe() for step in plan(Bundle("c", s, rootfs, "/dir", "/state"), host)]


def default() -> dict[str, Any]:
    return flags.process(spec.default_spec(), ["true"], {}, "/srv")


def everything() -> dict[str, Any]:
    s = flags.hostname(default(), "box", "example")
    s = flags.mount(s, "/data", "bind", "/srv/data", ["rbind", "ro", "rslave"])
    s = flags.tmpfs(flags.sysctl(s, {"kernel.shmmax": "1"}), "/scratch", "size=1m")
    s = limits.add_devices(s, [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666}], "rw")
    return flags.read_only(flags.namespace(s, "cgroup", "host"))


@pytest.mark.parametrize("name", ["default", "everything", "privileged", "rootless"])
def test_golden(name: str) -> None:
    made = {
        "default": lambda: steps(default()),
        "everything": lambda: steps(everything()),
        "privileged": lambda: steps(flags.privileged(default())),
        "rootless": lambda: steps(default(), Host(False, (("", "/sys/fs/cgroup/user/c"),))),
    }[name]()
    path = f"{GOLDEN}/plan-{name}.txt"
    if os.environ.get("SCOW_UPDATE_GOLDEN"):
        os.makedirs(GOLDEN, exist_ok=True)
        with open(path, "w") as f:
            f.write("\n".join(made) + "\n")
    with open(path) as f:
        assert "\n".join(made) + "\n" == f.read()


def test_plan_is_pure_and_repeatable() -> None:
    s = everything()
    bundle = Bundle("c", s, (OVERLAY,), "/dir", "/state")
    assert plan(bundle, HOST) == plan(bundle, HOST)
    assert plan(from_json(to_json(bundle)), HOST) == plan(bundle, HOST)


def put(s: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *inner, last = path.split(".")
    at: Any = s
    for word in inner:
        at = at.setdefault(word, {})
    at[last] = value
    return s


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        ("hooks", {"prestart": [{"path": "/x"}]}, Unsupported),
        ("linux.personality", {"domain": "LINUX32"}, Unsupported),
        ("linux.intelRdt", {"closID": "x"}, Unsupported),
        ("linux.mountLabel", "x", Unsupported),
        ("linux.rootfsPropagation", "shared", Unsupported),
        ("process.apparmorProfile", "x", Unsupported),
        ("process.selinuxLabel", "x", Unsupported),
        ("process.ioPriority", {"class": "IOPRIO_CLASS_IDLE"}, Unsupported),
        ("linux.namespaces", [{"type": "pid"}], Unsupported),
        ("linux.namespaces", None, Invalid),
        ("process", None, Invalid),
        ("linux.sysctl", {"kernel.panic": "1"}, Invalid),
        ("mounts", [{"destination": "relative", "type": "tmpfs", "source": "x"}], Invalid),
    ],
)
def test_what_is_not_done_is_refused_by_name(path: str, value: object, kind: type[Error]) -> None:
    with pytest.raises(kind):
        steps(put(default(), path, value))


def test_one_root() -> None:
    with pytest.raises(Invalid, match="2 mounts for the root"):
        steps(default(), rootfs=(OVERLAY, OVERLAY))
    more = steps(default(), rootfs=(OVERLAY, Mount("bind", "/v", "/volume", ("rbind",))))
    assert more[1] == "bind: /v on /volume (rbind)"


def test_host_dev_gets_no_nodes() -> None:
    s = flags.mount(default(), "/dev", "bind", "/dev", ["rbind"])
    assert not [line for line in steps(s) if line.startswith("device")]


def test_bundle_directory(tmp_path: Any) -> None:
    from scow.runtime import light

    (tmp_path / "config.json").write_text(light.dumps({**default(), "root": {"path": "fs"}}))
    bundle = load(str(tmp_path))
    assert bundle.rootfs == (Mount("bind", f"{tmp_path}/fs", "", ("rbind",)),)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(Invalid):
        load(str(tmp_path))
