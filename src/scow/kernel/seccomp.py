"""Seccomp: an OCI ``linux.seccomp`` object compiled to classic BPF, and installed (seccomp(2)).

Numbers are found by binary search, 7 comparisons instead of libseccomp's hundreds, with loads of ``nr`` and ``arch``
only, so that the kernel's own bitmap of always-allowed calls (5.11) takes effect. Meaning follows runc with
libseccomp:

- a rule without conditions beats those with conditions for the same call; rules that give the default action are left
out; - conditions of one rule must all hold, unless two of them name one argument: then each stands for itself; - calls
newer than any the profile names get ENOSYS where the default is another errno, so that programs fall back; - another
architecture's calls kill the process, x32's get ENOSYS.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from scow.errors import Invalid, Unsupported
from scow.kernel.syscall import MACHINE, check
from scow.kernel.syscall_numbers import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Condition = tuple[int, str, int, int]  # argument, operator, value, second value
    Rule = tuple[tuple[Condition, ...], int]  # conditions, action
    Instruction = tuple[int, int, int, int]  # code, jt, jf, k

KILL_PROCESS, KILL_THREAD = 0x80000000, 0
ERRNO, ALLOW = 0x00050000, 0x7FFF0000
ACTIONS = {
    "SCMP_ACT_KILL": KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": KILL_PROCESS,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": ERRNO,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": ALLOW,
}
FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 32,
}
NEW_LISTENER = 8
# architecture: (name of its table, AUDIT_ARCH_*)
ARCHITECTURES = {
    "SCMP_ARCH_X86_64": ("x86_64", 0xC000003E),
    "SCMP_ARCH_X86": ("x86", 0x40000003),
    "SCMP_ARCH_AARCH64": ("aarch64", 0xC00000B7),
    "SCMP_ARCH_ARM": ("arm", 0x40000028),
}
_OTHERS = (
    "X32 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64".split()
)
_X32_BIT = 0x40000000
_MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS

_LD, _AND, _JA, _JEQ, _JGT, _JGE, _RET = 0x20, 0x54, 0x05, 0x15, 0x25, 0x35, 0x06


def compile_filter(profile: dict[str, Any], machine: str = MACHINE) -> bytes:
    """The ``sock_filter`` program for an OCI ``linux.seccomp`` object on ``machine`` (x86_64, aarch64); Invalid if it
    is wrong.
    """
    default = _action(profile.get("defaultAction", ""), profile.get("defaultErrnoRet"))
    rules = _rules(profile.get("syscalls") or (), default)
    sections = []
    for table, audit in _tables(profile.get("architectures") or (), machine):
        sections.append((audit, _section(table, rules, default)))
    program: list[Instruction] = [(_LD, 0, 0, 4)]  # seccomp_data.arch
    for audit, section in sections:
        program += [(_JEQ, 1, 0, audit), (_JA, 0, 0, len(section)), *section]
    program.append((_RET, 0, 0, KILL_PROCESS))
    if len(program) > _MAX_INSTRUCTIONS:
        raise Invalid(f"seccomp profile: {len(program)} instructions, the kernel takes {_MAX_INSTRUCTIONS}")
    return b"".join([struct.pack("=HBBI", *i) for i in program])


def _tables(names: Iterable[str], machine: str) -> list[tuple[str, int]]:
    """The (table, AUDIT_ARCH) pairs to filter, this machine's own first."""
    found = [pair for pair in ARCHITECTURES.values() if pair[0] == machine]
    if not found:
        raise Unsupported(f"seccomp on {machine}", "run with --security-opt seccomp=unconfined")
    for name in names:
        if name in ARCHITECTURES:
            if ARCHITECTURES[name] not in found:
                found.append(ARCHITECTURES[name])
        elif name.removeprefix("SCMP_ARCH_") not in _OTHERS:
            raise Invalid(f"seccomp profile: unknown architecture {name!r}")
    return found


def _action(name: str, code: int | None) -> int:
    if name not in ACTIONS:
        raise Invalid(f"seccomp profile: unknown action {name!r}")
    if name in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        code = errno.EPERM if code is None else code
        if not 0 <= code <= (4095 if name == "SCMP_ACT_ERRNO" else 0xFFFF):
            raise Invalid(f"seccomp profile: errnoRet {code} is out of range")
        return ACTIONS[name] | code
    if code:
        raise Invalid(f"seccomp profile: errnoRet with {name}")
    return ACTIONS[name]


def _rules(entries: Iterable[dict[str, Any]], default: int) -> dict[str, list[Rule]]:
    """Rules by call; a call whose list ends in a rule without conditions never reaches the default."""
    rules: dict[str, list[Rule]] = {}
    for entry in entries:
        action = _action(entry.get("action", ""), entry.get("errnoRet"))
        conditions = [_condition(arg) for arg in entry.get("args") or ()]
        alternatives = [tuple(conditions)]
        if len({c[0] for c in conditions}) < len(conditions):
            alternatives = [(c,) for c in conditions]
        for name in entry.get("names") or ():
            known = rules.setdefault(name, [])
            if action == default:
                continue
            if known and not known[-1][0]:  # an unconditional rule is there already
                if not conditions and known[-1][1] != action:
                    raise Invalid(f"seccomp profile: two actions for {name}")
            elif conditions:
                known += [(a, action) for a in alternatives]
            else:
                known[:] = [((), action)]
    return rules


_OPERATORS = {f"SCMP_CMP_{op}" for op in ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")}


def _condition(arg: dict[str, Any]) -> Condition:
    op, index = arg.get("op", ""), arg.get("index", 0)
    if op not in _OPERATORS or not 0 <= index <= 5:
        raise Invalid(f"seccomp profile: wrong argument condition {arg!r}")
    return index, op.removeprefix("SCMP_CMP_"), arg.get("value", 0), arg.get("valueTwo", 0)


def _section(table: str, rules: dict[str, list[Rule]], default: int) -> list[Instruction]:
    """One architecture: which instructions start at which number, then a search tree over them."""
    by_number = {nr: rules[name] for name, nr in numbers(table).items() if name in rules}
    answer = [(_RET, 0, 0, default)]
    starts: list[int] = [0]
    leaves: list[list[Instruction]] = [answer]

    def switch(at: int, leaf: list[Instruction]) -> None:
        if at == starts[-1]:
            leaves[-1] = leaf
        elif leaf != leaves[-1]:
            starts.append(at)
            leaves.append(leaf)

    last = max(by_number, default=-1)
    for nr in sorted(by_number):
        switch(nr, _leaf(by_number[nr], default))
        if nr + 1 not in by_number and nr != last:
            switch(nr + 1, answer)
    unknown = [(_RET, 0, 0, ERRNO | errno.ENOSYS)] if default & 0xFFFF0000 == ERRNO else answer
    switch(last + 1, unknown)
    if table == "x86_64":
        switch(_X32_BIT, [(_RET, 0, 0, ERRNO | errno.ENOSYS)])
    return [(_LD, 0, 0, 0), *_search(starts, leaves)]  # seccomp_data.nr


def _search(starts: Sequence[int], leaves: Sequence[list[Instruction]]) -> list[Instruction]:
    if len(starts) == 1:
        return leaves[0]
    middle = len(starts) // 2
    low, high = _search(starts[:middle], leaves[:middle]), _search(starts[middle:], leaves[middle:])
    if len(low) <= 255:
        return [(_JGE, len(low), 0, starts[middle]), *low, *high]
    return [(_JGE, 0, 1, starts[middle]), (_JA, 0, 0, len(low)), *low, *high]


def _leaf(rules: list[Rule], default: int) -> list[Instruction]:
    """What is done for one call: its rules in order, then the default."""
    code: list[Instruction] = []
    for conditions, action in rules:
        code += _rule(conditions, action)
        if not conditions:
            return code
    return [*code, (_RET, 0, 0, default)]


def _rule(conditions: tuple[Condition, ...], action: int) -> list[Instruction]:
    """Return ``action`` if all conditions hold, else fall out at the end."""
    code: list[Instruction] = [(_RET, 0, 0, action)]
    for condition in reversed(conditions):
        code = [*_test(condition, len(code)), *code]
    return code


def _test(condition: Condition, rest: int) -> list[Instruction]:
    """Fall through if the condition holds, else jump over the ``rest`` instructions behind it.

    Arguments have 64 bits and BPF 32: the high halves decide unless they are equal.
    """
    index, op, first, second = condition
    low_at = 16 + 8 * index
    low, high = first & 0xFFFFFFFF, first >> 32 & 0xFFFFFFFF
    if op == "MASKED_EQ":
        want_low, want_high = second & 0xFFFFFFFF, second >> 32 & 0xFFFFFFFF
        return [
            (_LD, 0, 0, low_at + 4),
            (_AND, 0, 0, high),
            (_JEQ, 0, rest + 3, want_high),
            (_LD, 0, 0, low_at),
            (_AND, 0, 0, low),
            (_JEQ, 0, rest, want_low),
        ]
    if op in ("EQ", "NE"):
        load, load_low = (_LD, 0, 0, low_at + 4), (_LD, 0, 0, low_at)
        if op == "EQ":
            return [load, (_JEQ, 0, rest + 2, high), load_low, (_JEQ, 0, rest, low)]
        return [load, (_JEQ, 0, 2, high), load_low, (_JEQ, rest, 0, low)]
    greater = op in ("GT", "GE")
    # One comparison of the low half tells GT or GE, and its opposite LE or LT.
    final = _JGT if op in ("GT", "LE") else _JGE
    yes, no = (0, rest) if greater else (rest, 0)
    return [
        (_LD, 0, 0, low_at + 4),
        (_JGT, _skip(greater, 3, rest), 0, high),
        (_JEQ, 0, _skip(not greater, 2, rest), high),
        (_LD, 0, 0, low_at),
        (final, yes, no, low),
    ]


def _skip(holds: bool, left: int, rest: int) -> int:
    """How far to jump with ``left`` instructions of a test still behind: to its success or over the ``rest``."""
    return left if holds else left + rest


def flags_of(profile: dict[str, Any]) -> int:
    """The filter flags of a profile; without the field SPEC_ALLOW, as runc does."""
    words = profile.get("flags")
    if words is None:
        return FLAGS["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]
    flags = 0
    for word in words:
        if word not in FLAGS:
            raise Invalid(f"seccomp profile: unknown flag {word!r}")
        flags |= FLAGS[word]
    return flags


def install(program: bytes, flags: int = 0) -> int:
    """Filter this thread from now on; a listener's descriptor with NEW_LISTENER, else 0.

    Needs CAP_SYS_ADMIN or no_new_privs.
    """

    class SockFprog(ctypes.Structure):
        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    fprog = SockFprog(len(program) // 8, program)
    return check("seccomp", 1, flags, ctypes.byref(fprog))  # SECCOMP_SET_MODE_FILTER
