"""Reference: how people name an image, with docker's defaults filled in.

The grammar and the order of its checks are those of ``github.com/distribution/reference``, which docker, podman and
containerd use, and so are the words of the errors. It is written without ``re``: every command parses a name, and
loading and compiling patterns costs 7 ms.

    reference := [registry "/"] component *("/" component) [":" tag] ["@" digest]
    registry  := (label *("." label) | "[" IPv6 "]") [":" port]
    component := runs of a-z0-9 separated by "." | "_" | "__" | one or more "-"
    tag       := [A-Za-z0-9_] then at most 127 of [A-Za-z0-9_.-]
"""

from __future__ import annotations

from scow.errors import Invalid
from scow.oci.digest import Digest
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

DOCKER_HUB = "docker.io"
LEGACY_HUB = "index.docker.io"
OFFICIAL = "library/"
DEFAULT_TAG = "latest"
MAX_REPOSITORY = 255
MAX_TAG = 128

_DIGITS = "0123456789"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_ALNUM = _DIGITS + _LOWER + _LOWER.upper()
_HEX = _DIGITS + "abcdef"
_ANY_HEX = _HEX + "ABCDEF"
_HINT = "a reference is [registry/]repository[:tag][@digest], like ghcr.io/team/app:1.2"


@value
class Reference:
    """An image by name; ``str()`` is the canonical form, ``familiar()`` what docker prints.

    ``registry`` is empty for the few names docker takes but can reach nowhere, such as ``my_host.local/app``.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str, default_tag: str | None = DEFAULT_TAG) -> Self:
        """The reference ``text`` means to docker; ``default_tag`` is filled in when there is neither tag nor digest."""
        if len(text) == 64 and not text.strip(_HEX):
            raise Invalid(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
        registry, remainder = _split_registry(text)
        name = remainder.partition(":")[0]
        if name.lower() != name:
            raise Invalid(f"invalid reference format: repository name ({name}) must be lowercase", _HINT)
        parts = _match(registry, remainder)
        if parts is None:
            if registry.lower() != registry and _match(registry.lower(), remainder.lower()):
                raise Invalid("repository name must be lowercase", _HINT)
            raise Invalid("invalid reference format", _HINT)
        registry, repository, tag, encoded = parts
        if len(repository) > MAX_REPOSITORY:
            raise Invalid(f"repository name must not be more than {MAX_REPOSITORY} characters")
        digest = Digest.parse(encoded) if encoded is not None else None
        return cls(registry, repository, tag if tag or digest else default_tag, digest)

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}" if self.registry else self.repository

    def familiar_name(self) -> str:
        """The name as docker shows it: ``alpine`` for ``docker.io/library/alpine``."""
        if self.registry != DOCKER_HUB:
            return self.name
        short = self.repository.removeprefix(OFFICIAL)
        return self.repository if "/" in short else short

    def familiar(self) -> str:
        """The shortest text that means this reference: what ``docker images`` and ``ps`` print."""
        return self.familiar_name() + self._suffix()

    def with_tag(self, tag: str) -> Reference:
        """The same with another tag; Invalid if ``tag`` is none."""
        if not is_tag(tag):
            raise Invalid("invalid tag format", f"{tag!r} is not up to {MAX_TAG} letters, digits, '_', '.' and '-'")
        return Reference(self.registry, self.repository, tag, self.digest)

    def with_digest(self, digest: Digest | None) -> Reference:
        """The same with another digest, or without one."""
        return Reference(self.registry, self.repository, self.tag, digest)

    def without_tag(self) -> Reference:
        """The same without a tag."""
        return Reference(self.registry, self.repository, None, self.digest)

    def __str__(self) -> str:
        return self.name + self._suffix()

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{tag}@{self.digest}" if self.digest else tag


def is_tag(text: str) -> bool:
    """Whether ``text`` can be a tag."""
    return 0 < len(text) <= MAX_TAG and text[0] not in ".-" and not text.strip(_ALNUM + "_.-")


def _split_registry(text: str) -> tuple[str, str]:
    """The registry that ``text`` names or implies, and the rest; nothing is checked here."""
    first, slash, rest = text.partition("/")
    if not slash:
        return DOCKER_HUB, OFFICIAL + text
    if first == LEGACY_HUB:
        first = DOCKER_HUB
    elif not (first == "localhost" or "." in first or ":" in first or first.lower() != first):
        return DOCKER_HUB, text
    if first == DOCKER_HUB and "/" not in rest:
        rest = OFFICIAL + rest
    return first, rest


def _match(registry: str, remainder: str) -> tuple[str, str, str | None, str | None] | None:
    """Registry, repository, tag and digest, or None where the grammar does not fit."""
    rest, at, digest = remainder.partition("@")
    repository, colon, tag = rest.partition(":")
    if (at and not _looks_like_digest(digest)) or (colon and not is_tag(tag)):
        return None
    if not all(map(_is_component, repository.split("/"))):
        return None
    if not _is_registry(registry):
        # The grammar has the registry optional, so a host with an underscore is read as part of the repository.
        if not _is_component(registry):
            return None
        registry, repository = "", f"{registry}/{repository}"
    return registry, repository, tag if colon else None, digest if at else None


def _is_component(text: str) -> bool:
    # "__" is one separator like "_" and ".": after the replacement every piece between dots must be a-z0-9 with any
    # number of dashes inside, and an empty piece is two separators in a row.
    pieces = text.replace("__", ".").replace("_", ".").split(".")
    return all(p and p[0] != "-" and p[-1] != "-" and not p.strip(_LOWER + _DIGITS + "-") for p in pieces)


def _is_registry(text: str) -> bool:
    if text.startswith("["):
        address, closed, port = text[1:].partition("]")
        return bool(address and closed) and not address.strip(_ANY_HEX + ":") and (not port or _is_port(port))
    host, colon, _ = text.partition(":")
    labels = host.split(".")
    if not all(p and p[0] != "-" and p[-1] != "-" and not p.strip(_ALNUM + "-") for p in labels):
        return False
    return not colon or _is_port(text[len(host) :])


def _is_port(text: str) -> bool:
    return len(text) > 1 and text[0] == ":" and not text[1:].strip(_DIGITS)


def _looks_like_digest(text: str) -> bool:
    """The grammar's loose idea of a digest; ``Digest.parse`` has the last word, and other error words."""
    algorithm, _, encoded = text.partition(":")
    for separator in "-_+":
        algorithm = algorithm.replace(separator, ".")
    words = algorithm.split(".")
    if not all(w and w[0] not in _DIGITS and not w.strip(_ALNUM) for w in words):
        return False
    return len(encoded) >= 32 and not encoded.strip(_ANY_HEX)
