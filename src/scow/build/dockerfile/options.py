"""What a build asks of a Dockerfile, and what converting it gives."""

from __future__ import annotations

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    from scow.build.dockerfile.linter import Warning  # noqa: A004 - the word users know
    from scow.build.graph import Edge
    from scow.oci.config import ImageConfig
    from scow.oci.digest import Digest
    from scow.oci.platform import Platform

    Resolve: TypeAlias = Callable[[str, Platform], tuple[Digest | None, ImageConfig]]
    """From a full reference (or ``oci-layout://...``) and a platform to the image's digest and configuration."""

NONE: Mapping[str, Any] = {}


@value
class Options:
    """A build's parameters.

    ``target``: stage name or number, "" is the last. ``platform``: None is ``build_platform``, which is None for this
    machine. ``named_contexts``: name to ``docker-image://REF``, ``local:NAME``, ``oci-layout://PATH@DIGEST``, a git or
    http URL, or another ``Conversion``. ``context``: the main context when it is no local directory. ``ignore``: the
    patterns of its ignore file; ``context_ignore``: those of named local contexts. ``no_cache``: None uses the cache,
    () does not, else the stages that do not. ``epoch``: SOURCE_DATE_EPOCH where neither build nor file gives one.
    """

    target: str = ""
    build_args: Mapping[str, str] = NONE
    labels: Mapping[str, str] = NONE
    platform: Platform | None = None
    build_platform: Platform | None = None
    named_contexts: Mapping[str, str | Conversion] = NONE
    context: Edge | None = None
    ignore: tuple[str, ...] = ()
    context_ignore: Mapping[str, tuple[str, ...]] = NONE
    no_cache: tuple[str, ...] | None = None
    epoch: int | None = None
    resolve_mode: str = "default"  # default pull local
    network: str = "default"
    extra_hosts: tuple[tuple[str, str], ...] = ()
    hostname: str = ""
    ulimits: tuple[tuple[str, int, int], ...] = ()
    cgroup_parent: str = ""
    shm_size: int = 0
    devices: tuple[str, ...] = ()
    multi_platform: bool = False
    all_stages: bool = False


@value
class Requirement:
    """A secret or an ssh agent that a stage uses, and the line that does."""

    id: str
    required: bool
    line: int


@value
class Argument:
    """A build argument that matters for the target: its value in this build, what the comment above it says, and the
    arguments its default is made of."""

    name: str
    value: str
    description: str
    line: int
    needs: tuple[str, ...] = ()


@value
class Conversion:
    """The graph and the configuration of a target.

    ``edge`` is None for an image without layers. ``config`` is the OCI document; its ``rootfs.diff_ids`` are the base
    image's, and history entries without ``empty_layer`` beyond the base's are the layers to come, oldest first.
    ``base``: the base image's own configuration. ``stage``: the target's name, "" when it has none.
    """

    edge: Edge | None
    config: dict[str, Any]
    platform: Platform
    base: ImageConfig | None = None
    epoch: int | None = None
    stage: str = ""
    description: str = ""
    warnings: tuple[Warning, ...] = ()
    arguments: tuple[Argument, ...] = ()
    secrets: tuple[Requirement, ...] = ()
    ssh: tuple[Requirement, ...] = ()
