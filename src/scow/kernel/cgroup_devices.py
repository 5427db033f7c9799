"""Device rules on cgroup v2: a small eBPF program attached to the group (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE)."""

from __future__ import annotations

import ctypes
import os
import struct

from scow.kernel.syscall import check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from scow.kernel.cgroup_limits import DeviceRule

_PROG_LOAD, _PROG_ATTACH, _PROG_DETACH, _GET_FD_BY_ID, _PROG_QUERY = 5, 8, 9, 13, 16
_TYPE_CGROUP_DEVICE, _ATTACH_DEVICE, _ALLOW_MULTI = 15, 6, 2
_KINDS = {"b": 1, "c": 2}
_ACCESS = {"m": 1, "r": 2, "w": 4}

_LOAD, _AND, _RSH, _MOVE, _MOVE_X, _JNE, _JSET, _JA, _EXIT = 0x61, 0x54, 0x74, 0xB4, 0xBC, 0x55, 0x45, 0x05, 0x95


def program(rules: Sequence[DeviceRule]) -> bytes:
    """eBPF that returns 1 for what ``rules`` allow; of several that fit a device the last counts, and none allows.

    An allowing rule must cover all of the access asked for, a denying one any part of it, as in cgroup v1.
    """
    code = [
        _i(_LOAD, 2, 1, 0, 0),  # r2 = access << 16 | kind
        _i(_MOVE_X, 3, 2),
        _i(_AND, 2, imm=0xFFFF),
        _i(_RSH, 3, imm=16),
        _i(_LOAD, 4, 1, 4),  # major
        _i(_LOAD, 5, 1, 8),  # minor
    ]
    for rule in reversed(rules):
        code += _rule(rule)
        if rule.kind == "a" and rule.major < 0 and rule.minor < 0 and set(rule.access) == set("rwm"):
            return b"".join(code)  # fits everything, and the verifier refuses code that cannot be reached
    return b"".join([*code, _i(_MOVE, 0, imm=1), _i(_EXIT)])


def _i(op: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> bytes:
    return struct.pack("=BBhi", op, dst | src << 4, off, imm)


def _rule(rule: DeviceRule) -> list[bytes]:
    """Tests that jump over the verdict; each knows how many instructions are still behind it."""
    access = sum(_ACCESS[c] for c in set(rule.access))
    verdict = [_i(_MOVE, 0, imm=int(rule.allow)), _i(_EXIT)]
    if access == 7:
        code = verdict
    elif rule.allow:
        code = [_i(_JSET, 3, off=2, imm=7 & ~access), *verdict]
    else:
        code = [_i(_JSET, 3, off=1, imm=access), _i(_JA, off=2), *verdict]
    for register, number in ((5, rule.minor), (4, rule.major), (2, _KINDS.get(rule.kind, -1))):
        if number >= 0:
            code = [_i(_JNE, register, off=len(code), imm=number), *code]
    return code


def attach(group: int, rules: Sequence[DeviceRule]) -> None:
    """Put the rules on the cgroup whose directory is open as ``group``, in place of earlier ones."""
    before = _attached(group)
    fd = _load(program(rules))
    try:
        _bpf(_PROG_ATTACH, struct.pack("=IIII", group, fd, _ATTACH_DEVICE, _ALLOW_MULTI))
    finally:
        os.close(fd)
    for number in before:
        old = _bpf(_GET_FD_BY_ID, struct.pack("=III", number, 0, 0))
        try:
            _bpf(_PROG_DETACH, struct.pack("=III", group, old, _ATTACH_DEVICE))
        finally:
            os.close(old)


def _bpf(command: int, attr: bytes | ctypes.Array[ctypes.c_char]) -> int:
    return check("bpf", command, attr, len(attr), path=f"command {command}")


def _load(code: bytes) -> int:
    instructions = ctypes.create_string_buffer(code, len(code))
    words = (ctypes.addressof(instructions), ctypes.addressof(_LICENSE))
    return _bpf(_PROG_LOAD, struct.pack("=IIQQ", _TYPE_CGROUP_DEVICE, len(code) // 8, *words))


_LICENSE = ctypes.create_string_buffer(b"Apache-2.0")


def _attached(group: int) -> list[int]:
    ids = (ctypes.c_uint32 * 64)()
    query = struct.pack("=IIIIQI4x", group, _ATTACH_DEVICE, 0, 0, ctypes.addressof(ids), len(ids))
    attr = ctypes.create_string_buffer(query, len(query))
    _bpf(_PROG_QUERY, attr)
    return list(ids[: struct.unpack_from("=I", attr, 24)[0]])
