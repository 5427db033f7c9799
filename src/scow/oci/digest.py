"""Digest: the name of content, ``algorithm:hex`` (OCI image-spec, descriptor.md, "Digests")."""

from __future__ import annotations

from scow.errors import Invalid
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import _Hash as Hash
    from typing import Self

HEX = "0123456789abcdef"
LENGTHS = {"sha256": 64, "sha512": 128}
"""Hex characters of each algorithm that content may be named with."""


@value
class Digest:
    """A strong hash of some bytes; a value of this type is always well-formed."""

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        length = LENGTHS.get(self.algorithm)
        if length is None:
            raise Invalid(f"unsupported digest algorithm: {self.algorithm!r}")
        if len(self.hex) != length:
            raise Invalid(f"invalid checksum digest length: {self.algorithm}:{self.hex[:140]}")
        if self.hex.strip(HEX):
            raise Invalid(f"invalid checksum digest format: {self.algorithm}:{self.hex}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest that ``text`` spells; Invalid unless it is exactly ``algorithm:lower-case-hex``."""
        algorithm, colon, encoded = text.partition(":")
        if not (algorithm and colon and encoded):
            raise Invalid(f"invalid checksum digest format: {text[:140]!r}")
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview, algorithm: str = "sha256") -> Self:
        """The digest of ``data``."""
        h = hasher(algorithm)
        h.update(data)
        return cls(algorithm, h.hexdigest())

    @property
    def short(self) -> str:
        """The first 12 characters, as tables show it."""
        return self.hex[:12]

    # Digests are dictionary keys everywhere: these are several times faster than the generic ones.
    def __eq__(self, other: object) -> bool:
        return type(other) is Digest and self.hex == other.hex and self.algorithm == other.algorithm

    def __lt__(self, other: Digest) -> bool:
        return (self.algorithm, self.hex) < (other.algorithm, other.hex)

    def __hash__(self) -> int:
        return hash(self.hex)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def hasher(algorithm: str = "sha256") -> Hash:
    """A running hash; ``Digest(algorithm, h.hexdigest())`` names what it was fed."""
    import hashlib  # loads OpenSSL, 8 ms: only for those who hash

    if algorithm not in LENGTHS:
        raise Invalid(f"unsupported digest algorithm: {algorithm!r}")
    return hashlib.new(algorithm, usedforsecurity=False)
