"""/proc/self/mountinfo as values (proc_pid_mountinfo(5))."""

from __future__ import annotations

from scow.values import value


@value
class MountInfo:
    """One line of mountinfo; paths with their octal escapes undone, option lists as tuples."""

    id: int
    parent: int
    device: tuple[int, int]
    root: str
    point: str
    options: tuple[str, ...]
    optional: tuple[str, ...]
    type: str
    source: str
    super_options: tuple[str, ...]


def unescape(text: str) -> str:
    r"""Undo the kernel's quoting: ``\040`` and other three-digit octal bytes."""
    if "\\" not in text:
        return text
    raw = text.encode("utf-8", "surrogateescape")
    out = bytearray()
    i = 0
    while i < len(raw):
        digits = raw[i + 1 : i + 4]
        if raw[i] == 0x5C and len(digits) == 3 and all(0x30 <= d <= 0x37 for d in digits):
            out.append(int(digits, 8) & 0xFF)
            i += 4
        else:
            out.append(raw[i])
            i += 1
    return out.decode("utf-8", "surrogateescape")


def parse_line(line: str) -> MountInfo:
    """One line of mountinfo."""
    left, _, right = line.rstrip("\n").partition(" - ")
    number, parent, device, root, point, options, *optional = left.split(" ")
    kind, source, superblock = [*right.split(" "), "", ""][:3]
    major, _, minor = device.partition(":")
    return MountInfo(
        int(number),
        int(parent),
        (int(major), int(minor)),
        unescape(root),
        unescape(point),
        tuple(options.split(",")),
        tuple(optional),
        kind,
        unescape(source),
        tuple(superblock.split(",")),
    )


def mounts(path: str = "/proc/self/mountinfo") -> list[MountInfo]:
    """All mounts of a mount namespace, in the kernel's order (a later one at the same point lies on top)."""
    # newline="\n": a mount point may hold a carriage return, which the kernel does not escape.
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as f:
        return [parse_line(line) for line in f]


def is_mounted(point: str, path: str = "/proc/self/mountinfo") -> bool:
    """Whether something is mounted exactly at the absolute path ``point``."""
    return any(m.point == point for m in mounts(path))
