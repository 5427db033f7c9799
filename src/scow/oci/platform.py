"""Platform: operating system, architecture and variant, and which images run where.

Names are Go's; normalisation and the order of what can stand in for what follow ``github.com/containerd/platforms``
(``Parse``, ``Normalize``, ``Only``), which docker and containerd use.
"""

from __future__ import annotations

import os

from scow.errors import Invalid
from scow.oci import fields
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

KNOWN_OS = frozenset(
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows "
    "zos".split()
)
KNOWN_ARCHITECTURES = frozenset(
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 "
    "mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm".split()
)
_MACHINES = {
    "x86_64": "amd64",
    "i386": "386",
    "i486": "386",
    "i586": "386",
    "i686": "386",
    "aarch64": "arm64",
    "loongarch64": "loong64",
}
"""``uname -m`` to Go's names, where they differ."""
_WORD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


@value
class Platform:
    """Where an image runs; ``str()`` is ``os/architecture[/variant]``."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``os[(version[+feature...])][/arch[/variant]]``, or an architecture alone; Invalid otherwise.

        What is not said is this machine's. The result is normalised: ``linux/aarch64`` gives ``linux/arm64``.
        """
        head, *rest = text.split("/", 3)
        os, version, features = _split_os(head, text)
        for part in rest:
            _check_word(part, text)
        if len(rest) > 2:
            raise Invalid(f'"{text}": cannot parse platform specifier')
        if rest:
            architecture, variant = _normal_architecture(rest[0], rest[1] if len(rest) == 2 else "")
            if len(rest) == 1 and (architecture, variant) == ("arm", "v7"):
                variant = ""  # docker keeps "linux/arm" as it is written; matching makes it v7
            elif len(rest) == 2 and (architecture, variant) == ("arm64", ""):
                variant = "v8"
            return cls(_normal_os(os), architecture, variant, version, features)
        if _normal_os(os) in KNOWN_OS:
            here = host()
            return cls(_normal_os(os), here.architecture, here.variant, version, features)
        architecture, variant = _normal_architecture(os, "")
        if architecture not in KNOWN_ARCHITECTURES or version or features:
            raise Invalid(f'"{text}": unknown operating system or architecture')
        return cls("linux", architecture, "" if variant == "v7" else variant)

    @classmethod
    def from_json(cls, doc: Mapping[str, Any], where: str = "platform") -> Self:
        """Read the specification's object; Corrupt names the field that is wrong."""
        return cls(
            fields.text(doc, "os", where),
            fields.text(doc, "architecture", where),
            fields.text(doc, "variant", where),
            fields.text(doc, "os.version", where),
            fields.texts(doc, "os.features", where),
        )

    def to_json(self) -> dict[str, Any]:
        """The specification's object."""
        doc: dict[str, Any] = {"architecture": self.architecture, "os": self.os}
        if self.os_version:
            doc["os.version"] = self.os_version
        if self.os_features:
            doc["os.features"] = list(self.os_features)
        if self.variant:
            doc["variant"] = self.variant
        return doc

    def normalized(self) -> Platform:
        """The same in the one spelling that comparisons use."""
        architecture, variant = _normal_architecture(self.architecture, self.variant)
        features = tuple(sorted(set(self.os_features)))
        return Platform(_normal_os(self.os), architecture, variant, self.os_version, features)

    def __str__(self) -> str:
        if not self.os:
            return "unknown"
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def host() -> Platform:
    """This machine's platform, normalised."""
    machine = os.uname().machine
    if machine.startswith("armv"):
        return Platform("linux", "arm", machine[3:5])
    return Platform("linux", _MACHINES.get(machine, machine))


def _split_os(head: str, text: str) -> tuple[str, str, tuple[str, ...]]:
    name, paren, options = head.partition("(")
    if not name or not _WORD.issuperset(name) or "." in name or (paren and not options.endswith(")")):
        raise Invalid(f'"{head}" is an invalid OS component of "{text}"')
    version, *features = options.removesuffix(")").split("+")
    for word in (version, *features):
        if not _WORD.issuperset(word):
            raise Invalid(f'"{head}" is an invalid OS component of "{text}"')
    return name, version, tuple(f for f in features if f)


def _check_word(part: str, text: str) -> None:
    if not part or not _WORD.issuperset(part):
        raise Invalid(f'"{part}" is an invalid component of "{text}"', "a platform is os/architecture[/variant]")


def _normal_os(name: str) -> str:
    name = name.lower() or "linux"
    return "darwin" if name == "macos" else name


def _normal_architecture(architecture: str, variant: str) -> tuple[str, str]:
    architecture, variant = architecture.lower(), variant.lower()
    match architecture:
        case "i386":
            return "386", ""
        case "x86_64" | "x86-64" | "amd64":
            return "amd64", "" if variant == "v1" else variant
        case "aarch64" | "arm64":
            plain = {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"}
            return "arm64", plain.get(variant, variant)
        case "armhf":
            return "arm", "v7"
        case "armel":
            return "arm", "v6"
        case "arm":
            return "arm", {"": "v7", "5": "v5", "6": "v6", "7": "v7", "8": "v8"}.get(variant, variant)
    return architecture, variant


def stand_ins(wanted: Platform) -> list[Platform]:
    """What runs on ``wanted``, best first: itself, then older variants, then the 32-bit architecture."""
    p = wanted.normalized()
    return [
        Platform(p.os, architecture, variant, p.os_version, p.os_features)
        for architecture, variant in _vector(p.architecture, p.variant)
    ]


def _vector(architecture: str, variant: str) -> list[tuple[str, str]]:
    number = variant.removeprefix("v")
    if architecture == "amd64":
        older = [f"v{n}" for n in range(int(number) - 1, 1, -1)] + [""] if _is_small(number) else []
        return [("amd64", variant), *(("amd64", v) for v in older), ("386", "")]
    if architecture == "arm":
        older = [f"v{n}" for n in range(int(number) - 1, 4, -1)] if _is_small(number) else []
        return [("arm", variant), *(("arm", v) for v in older)]
    if architecture == "arm64":
        versions = _arm64_variants(variant)
        return [("arm64", v) for v in versions] + _vector("arm", "v8") if versions else [("arm64", variant)]
    return [(architecture, variant)]


def _is_small(number: str) -> bool:
    return len(number) == 1 and number in "123456789"


def _arm64_variants(variant: str) -> list[str]:
    """The variant and those before it; Armv9.n has what Armv8.(n+5) has. Empty for a variant nobody knows."""
    major, _, minor = (variant or "v8").removeprefix("v").partition(".")
    if major not in ("8", "9") or (minor and not _is_small(minor)):
        return []
    n = int(minor or 0)
    newest = [f"v9.{i}" for i in range(n, 0, -1)] + ["v9"] if major == "9" else []
    top = min(n + 5, 9) if major == "9" else n
    return [*newest, *(f"v8.{i}" for i in range(top, 0, -1)), ""]


def rank(wanted: Platform, offered: Platform) -> tuple[int, int] | None:
    """How well ``offered`` serves ``wanted``: the lowest is best, None is not at all."""
    have = offered.normalized()
    for position, p in enumerate(stand_ins(wanted)):
        if (p.os, p.architecture, p.variant) == (have.os, have.architecture, have.variant):
            fits = set(have.os_features) <= set(p.os_features) and _version_fits(p, have)
            return (position, -len(have.os_features)) if fits else None
    return None


def _version_fits(wanted: Platform, have: Platform) -> bool:
    """Windows runs images of its own build only; elsewhere the version says nothing."""
    if wanted.os != "windows" or not wanted.os_version or not have.os_version:
        return True
    return wanted.os_version.split(".")[:3] == have.os_version.split(".")[:3]


def matches(wanted: Platform, offered: Platform) -> bool:
    """Whether what is built for ``offered`` runs on ``wanted``."""
    return rank(wanted, offered) is not None
