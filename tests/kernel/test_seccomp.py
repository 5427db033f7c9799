"""Our BPF compiler, run on an interpreter of classic BPF and on the real kernel."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scow.errors import Invalid, Unsupported
from scow.kernel import seccomp
from scow.kernel.syscall import _OLDER, _SHARED
from scow.kernel.syscall_numbers import numbers
from scow.runtime.seccomp_default import profile

X86_64, I386 = 0xC000003E, 0x40000003
ALLOW, EPERM, ENOSYS = seccomp.ALLOW, seccomp.ERRNO | 1, seccomp.ERRNO | 38


def run(program: bytes, nr: int, args: tuple[int, ...] = (), arch: int = X86_64) -> int:
    """What the kernel would do: classic BPF over struct seccomp_data."""
    data = struct.pack("<IIQ6Q", nr, arch, 0, *(*args, *(0,) * (6 - len(args))))
    code = [struct.unpack_from("<HBBI", program, i) for i in range(0, len(program), 8)]
    pc = acc = 0
    while True:
        op, jt, jf, k = code[pc]
        pc += 1
        if op == 0x20:
            (acc,) = struct.unpack_from("<I", data, k)
        elif op == 0x54:
            acc &= k
        elif op == 0x05:
            pc += k
        elif op == 0x06:
            return k
        else:
            pc += jt if {0x15: acc == k, 0x25: acc > k, 0x35: acc >= k}[op] else jf


def rule(*names: str, action: str = "ALLOW", args: object = None, code: int | None = None) -> dict[str, object]:
    found: dict[str, object] = {"names": list(names), "action": "SCMP_ACT_" + action}
    if args:
        found["args"] = args
    return found if code is None else {**found, "errnoRet": code}


def oci(*rules: dict[str, object], default: str = "ERRNO", **more: object) -> dict[str, object]:
    return {"defaultAction": "SCMP_ACT_" + default, "syscalls": list(rules), **more}


def test_short_table_agrees_with_the_long_one() -> None:
    for name, (x86, arm) in _OLDER.items():
        assert numbers("x86_64")[name] == x86, name
        assert numbers("aarch64")[name] == arm, name
    for name, nr in _SHARED.items():
        assert all(numbers(arch)[name] == nr for arch in ("x86_64", "x86", "aarch64", "arm")), name


@pytest.mark.skipif(not os.path.exists("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), reason="no kernel headers")
@pytest.mark.parametrize(("arch", "header"), [("x86_64", "unistd_64.h"), ("x86", "unistd_32.h")])
def test_numbers_are_those_of_the_kernel_headers(arch: str, header: str) -> None:
    with open("/usr/include/x86_64-linux-gnu/asm/" + header) as f:
        lines = [line.split() for line in f if line.startswith("#define __NR_")]
    assert len(lines) > 300
    assert {w[1][5:]: int(w[2]) for w in lines}.items() <= numbers(arch).items()


@pytest.mark.parametrize("default", ["ERRNO", "ALLOW", "KILL_PROCESS", "LOG"])
def test_every_number_of_a_random_looking_list(default: str) -> None:
    table = numbers("x86_64")
    chosen = {n for n in table if hash(n) % 3 == 0} | {"read"}
    action = "ALLOW" if default != "ALLOW" else "ERRNO"
    program = seccomp.compile_filter(oci(rule(*chosen, action=action), default=default), "x86_64")
    other = {"ERRNO": EPERM, "ALLOW": ALLOW, "KILL_PROCESS": seccomp.KILL_PROCESS, "LOG": 0x7FFC0000}[default]
    named = {table[n] for n in chosen}
    for nr in range(600):
        want = (ALLOW if default != "ALLOW" else EPERM) if nr in named else other
        if default == "ERRNO" and nr > max(named):
            want = ENOSYS
        assert run(program, nr) == want, nr
    assert run(program, 0x40000000) == run(program, 0xFFFFFFFF) == ENOSYS  # x32


def test_architectures_are_apart() -> None:
    both = seccomp.compile_filter(oci(rule("read"), architectures=["SCMP_ARCH_X86", "SCMP_ARCH_X32"]), "x86_64")
    assert run(both, 0) == ALLOW and run(both, 3) == ENOSYS
    assert run(both, 3, arch=I386) == ALLOW and run(both, 0, arch=I386) == EPERM
    one = seccomp.compile_filter(oci(rule("read")), "x86_64")
    assert run(one, 3, arch=I386) == seccomp.KILL_PROCESS
    with pytest.raises(Unsupported):
        seccomp.compile_filter(oci(rule("read")), "riscv64")


words = st.one_of(
    st.sampled_from([0, 1, 0xFFFFFFFF, 1 << 32, (1 << 32) + 1, (1 << 64) - 1, 0x80000000]), st.integers(0, 2**64 - 1)
)
OPS = {
    "NE": lambda a, v, _: a != v,
    "LT": lambda a, v, _: a < v,
    "LE": lambda a, v, _: a <= v,
    "EQ": lambda a, v, _: a == v,
    "GE": lambda a, v, _: a >= v,
    "GT": lambda a, v, _: a > v,
    "MASKED_EQ": lambda a, v, w: a & v == w,
}
conditions = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(sorted(OPS)), words, words), max_size=6, unique_by=lambda c: c[0]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(conditions.filter(bool), min_size=1, max_size=3), st.tuples(*[words] * 6), st.booleans())
def test_conditions_on_64_bits(rules: list[list[tuple[int, str, int, int]]], args: tuple[int, ...], near: bool) -> None:
    if near:  # hit the borders, which random words hardly do
        args = tuple(next((v for r in rules for i, _, v, _ in r if i == n), a) for n, a in enumerate(args))
    keys = ("index", "op", "value", "valueTwo")
    dicts = [[dict(zip(keys, (i, "SCMP_CMP_" + o, v, w), strict=True)) for i, o, v, w in r] for r in rules]
    entries = [rule("ioctl", action="TRACE", code=10 + n, args=d) for n, d in enumerate(dicts)]
    program = seccomp.compile_filter(oci(*entries), "x86_64")
    hits = [0x7FF00000 | 10 + n for n, r in enumerate(rules) if all(OPS[o](args[i], v, w) for i, o, v, w in r)]
    assert run(program, 16, args) == (hits[0] if hits else EPERM)


def test_rules_for_one_call() -> None:
    def eq(value: int, index: int = 0) -> dict[str, object]:
        return {"index": index, "value": value, "op": "SCMP_CMP_EQ"}

    either = seccomp.compile_filter(oci(rule("read", args=[eq(1), eq(2)])), "x86_64")
    assert [run(either, 0, (n,)) for n in (1, 2, 3)] == [ALLOW, ALLOW, EPERM]
    general = seccomp.compile_filter(oci(rule("read", action="LOG", args=[eq(1)]), rule("read")), "x86_64")
    assert run(general, 0, (1,)) == ALLOW
    redundant = seccomp.compile_filter(oci(rule("read", action="ERRNO"), rule("read", args=[eq(1)])), "x86_64")
    assert [run(redundant, 0, (n,)) for n in (1, 2)] == [ALLOW, EPERM]
    with pytest.raises(Invalid, match="two actions for read"):
        seccomp.compile_filter(oci(rule("read"), rule("read", action="LOG")), "x86_64")


@pytest.mark.parametrize(
    "wrong",
    [
        {"defaultAction": "ALLOW"},
        oci(rule("read", action="NOPE")),
        oci(rule("read", code=5000, action="ERRNO")),
        oci(rule("read", code=5)),
        oci(rule("read", args=[{"index": 6, "op": "SCMP_CMP_EQ"}])),
        oci(rule("read", args=[{"index": 0, "op": "EQ"}])),
        oci(architectures=["SCMP_ARCH_VAX"]),
    ],
)
def test_wrong_profiles_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        seccomp.compile_filter(wrong, "x86_64")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_default_profile(machine: str) -> None:
    audit = {"x86_64": X86_64, "aarch64": 0xC00000B7}[machine]
    nr = numbers(machine)
    few = seccomp.compile_filter(profile((), machine), machine)
    admin = seccomp.compile_filter(profile(("CAP_SYS_ADMIN", "CAP_SYS_TIME"), machine), machine)
    assert len(few) // 8 < 700

    def got(program: bytes, name: str, *args: int) -> int:
        return run(program, nr[name], args, audit)

    assert got(few, "mount") == got(few, "clock_settime") == got(few, "keyctl") == EPERM
    assert got(admin, "mount") == got(admin, "clock_settime") == got(admin, "clone", 0x10000000) == ALLOW
    assert got(few, "clone", 0x10000000) == EPERM and got(few, "clone", 0x11) == ALLOW
    assert got(few, "clone3") == ENOSYS and got(admin, "clone3") == ALLOW
    assert got(few, "socket", 40) == EPERM and got(few, "socket", 2) == ALLOW
    assert got(few, "personality", 0x20008) == ALLOW and got(few, "personality", 1) == EPERM


def test_kernel_obeys() -> None:
    body = """
        import os, socket, sys
        from scow.kernel import process, seccomp, syscall
        from scow.runtime.seccomp_default import profile
        process.set_no_new_privs()
        seccomp.install(seccomp.compile_filter(profile((), syscall.MACHINE)), 4)
        for call in (lambda: syscall.check("unshare", 0x10000000), lambda: syscall.check("keyctl", 0),
                     lambda: socket.socket(40, 1), lambda: syscall.check("clone3", 0, 0), lambda: syscall.check(900)):
            try:
                call()
            except OSError as e:
                print(e.errno, end=" ")
        pid = os.fork()
        os._exit(7) if pid == 0 else print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(body)], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    e = errno
    assert done.stdout.split() == [str(n) for n in (e.EPERM, e.EPERM, e.EPERM, e.ENOSYS, e.ENOSYS, 7)]
