"""The media types of images and what can be told from them.

OCI image-spec media-types.md; Docker's "Image Manifest Version 2, Schema 2"; the zstd and foreign forms of both.
"""

from __future__ import annotations

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = OCI_LAYER + "+gzip"
OCI_LAYER_ZSTD = OCI_LAYER + "+zstd"
OCI_FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar"
OCI_FOREIGN_LAYER_GZIP = OCI_FOREIGN_LAYER + "+gzip"
OCI_FOREIGN_LAYER_ZSTD = OCI_FOREIGN_LAYER + "+zstd"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = DOCKER_LAYER + ".gzip"
DOCKER_LAYER_ZSTD = DOCKER_LAYER + ".zstd"
DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar"
DOCKER_FOREIGN_LAYER_GZIP = DOCKER_FOREIGN_LAYER + ".gzip"

DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"

IN_TOTO = "application/vnd.in-toto+json"
OCTETS = "application/octet-stream"

INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})
FOREIGN_LAYERS = frozenset(
    {
        OCI_FOREIGN_LAYER,
        OCI_FOREIGN_LAYER_GZIP,
        OCI_FOREIGN_LAYER_ZSTD,
        DOCKER_FOREIGN_LAYER,
        DOCKER_FOREIGN_LAYER_GZIP,
    }
)
LAYERS = FOREIGN_LAYERS | {
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    DOCKER_LAYER,
    DOCKER_LAYER_GZIP,
    DOCKER_LAYER_ZSTD,
}
ACCEPT = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)
"""What to ask a registry for, best first."""

_TWINS = {
    OCI_INDEX: DOCKER_LIST,
    OCI_MANIFEST: DOCKER_MANIFEST,
    OCI_CONFIG: DOCKER_CONFIG,
    OCI_LAYER: DOCKER_LAYER,
    OCI_LAYER_GZIP: DOCKER_LAYER_GZIP,
    OCI_LAYER_ZSTD: DOCKER_LAYER_ZSTD,
    OCI_FOREIGN_LAYER: DOCKER_FOREIGN_LAYER,
    OCI_FOREIGN_LAYER_GZIP: DOCKER_FOREIGN_LAYER_GZIP,
}
_TWINS_BACK = {docker: oci for oci, docker in _TWINS.items()}


def is_index(media_type: str) -> bool:
    """Whether a document of this type lists manifests."""
    return media_type in INDEXES


def is_manifest(media_type: str) -> bool:
    """Whether a document of this type has a config and layers."""
    return media_type in MANIFESTS


def is_config(media_type: str) -> bool:
    """Whether this is an image's configuration."""
    return media_type in CONFIGS


def is_layer(media_type: str) -> bool:
    """Whether this is a layer, foreign ones included."""
    return media_type in LAYERS


def is_foreign(media_type: str) -> bool:
    """Whether this is a layer that registries must not hold."""
    return media_type in FOREIGN_LAYERS


def compression_of(media_type: str) -> str:
    """``gzip``, ``zstd`` or ``none``, by the type's suffix (the bytes have the last word)."""
    suffix = media_type.replace("+", ".").rpartition(".")[2]
    return suffix if suffix in ("gzip", "zstd") else "none"


def layer_type(compression: str, like: str = OCI_MANIFEST) -> str:
    """The layer type of this compression, of the family (OCI or docker) that the type ``like`` belongs to."""
    oci = {"none": OCI_LAYER, "gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD}[compression]
    return same_family(oci, like)


def same_family(media_type: str, like: str) -> str:
    """``media_type`` in the family (OCI or docker) of the type ``like``; itself where it has no twin there."""
    if like.startswith("application/vnd.docker."):
        return _TWINS.get(media_type, media_type)
    return _TWINS_BACK.get(media_type, media_type)
