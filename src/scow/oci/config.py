"""ImageConfig: how an image runs and what it was made of (OCI image-spec config.md, with docker's fields).

The raw JSON is kept; accessors read it and check what they read. ``with_changes`` writes a new one the way BuildKit
does: top-level fields sorted, those of ``config`` in the order of its Go struct, unknown fields kept.
"""

from __future__ import annotations

from scow.oci import fields
from scow.oci.descriptor import digest as _digest
from scow.oci.digest import Digest
from scow.oci.lazy import lazy
from scow.oci.platform import Platform
from scow.values import asdict, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Self

_RUN_FIELDS = (
    "Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts Tty OpenStdin StdinOnce Env "
    "Entrypoint Cmd Volumes WorkingDir Labels StopSignal ArgsEscaped Healthcheck OnBuild StopTimeout Shell"
).split()
_SORTED_MAPS = ("ExposedPorts", "Volumes", "Labels")


@value
class History:
    """How one layer, or one change without a layer, came about."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False

    def to_json(self) -> dict[str, Any]:
        """The specification's object, empty fields left out."""
        return {name: found for name, found in asdict(self).items() if found}


@value
class Healthcheck:
    """How to tell whether a container works; times are nanoseconds, 0 inherits docker's default."""

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@value
class ImageConfig:
    """An image's configuration; accessors raise Corrupt naming a field that is not what it should be."""

    raw: bytes

    @classmethod
    def of(cls, platform: Platform, **top: object) -> Self:
        """A new configuration without layers."""
        doc: dict[str, Any] = {**platform.to_json(), "config": {}, "rootfs": {"type": "layers", "diff_ids": []}, **top}
        return cls(fields.dumps(dict(sorted(doc.items()))))

    @lazy
    def doc(self) -> dict[str, Any]:
        """The whole document; treat as read-only."""
        return fields.loads(self.raw, "image config")

    @lazy
    def digest(self) -> Digest:
        """Digest of the raw bytes: docker's image id."""
        return Digest.of(self.raw)

    @property
    def created(self) -> str:
        """When the image was made, RFC 3339, or ""."""
        return fields.text(self.doc, "created", "image config")

    @property
    def author(self) -> str:
        """Who made it, or ""."""
        return fields.text(self.doc, "author", "image config")

    @property
    def os(self) -> str:
        """Operating system, Go's name."""
        return fields.text(self.doc, "os", "image config")

    @property
    def architecture(self) -> str:
        """Architecture, Go's name."""
        return fields.text(self.doc, "architecture", "image config")

    @property
    def variant(self) -> str:
        """Variant of the architecture, or ""."""
        return fields.text(self.doc, "variant", "image config")

    @property
    def platform(self) -> Platform:
        """The four fields that say where it runs."""
        return Platform.from_json(self.doc, "image config")

    @lazy
    def run(self) -> dict[str, Any]:
        """The ``config`` object: defaults for containers. Treat as read-only."""
        return fields.mapping(self.doc, "config", "image config")

    @property
    def user(self) -> str:
        """``user[:group]``, or ""."""
        return fields.text(self.run, "User", "config")

    @property
    def env(self) -> tuple[str, ...]:
        """Environment, ``NAME=value`` each."""
        return fields.texts(self.run, "Env", "config")

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """The program and its first arguments."""
        return _words(self.run, "Entrypoint")

    @property
    def cmd(self) -> tuple[str, ...]:
        """The arguments that the user's replace, or the command if there is no entrypoint."""
        return _words(self.run, "Cmd")

    @property
    def working_dir(self) -> str:
        """Where the command starts, or ""."""
        return fields.text(self.run, "WorkingDir", "config")

    @property
    def labels(self) -> dict[str, str]:
        """Labels."""
        return fields.text_map(self.run, "Labels", "config")

    @property
    def exposed_ports(self) -> tuple[str, ...]:
        """``port/protocol`` each, sorted."""
        return tuple(sorted(fields.mapping(self.run, "ExposedPorts", "config")))

    @property
    def volumes(self) -> tuple[str, ...]:
        """Paths that get a volume, sorted."""
        return tuple(sorted(fields.mapping(self.run, "Volumes", "config")))

    @property
    def stop_signal(self) -> str:
        """Signal name or number, or ""."""
        return fields.text(self.run, "StopSignal", "config")

    @property
    def shell(self) -> tuple[str, ...]:
        """What the shell form of commands runs in; () is docker's default."""
        return _words(self.run, "Shell")

    @property
    def on_build(self) -> tuple[str, ...]:
        """Instructions for images built on this one."""
        return fields.texts(self.run, "OnBuild", "config")

    @property
    def args_escaped(self) -> bool:
        """Whether the command is already escaped (Windows only)."""
        return fields.flag(self.run, "ArgsEscaped", "config")

    @property
    def healthcheck(self) -> Healthcheck | None:
        """The health check, None where the image has none."""
        found = fields.mapping(self.run, "Healthcheck", "config")
        if not found:
            return None
        where = "config.Healthcheck"
        return Healthcheck(
            fields.texts(found, "Test", where),
            fields.integer(found, "Interval", where),
            fields.integer(found, "Timeout", where),
            fields.integer(found, "StartPeriod", where),
            fields.integer(found, "StartInterval", where),
            fields.integer(found, "Retries", where),
        )

    @lazy
    def diff_ids(self) -> tuple[Digest, ...]:
        """Digests of the uncompressed layers, bottom first."""
        rootfs = fields.mapping(self.doc, "rootfs", "image config")
        texts = fields.texts(rootfs, "diff_ids", "rootfs")
        return tuple([_digest({f"diff_ids[{i}]": t}, f"diff_ids[{i}]", "rootfs") for i, t in enumerate(texts)])

    @lazy
    def history(self) -> tuple[History, ...]:
        """How the layers came about, oldest first."""
        return tuple(
            [
                _history(item, f"history[{i}]")
                for i, item in enumerate(fields.objects(self.doc, "history", "image config"))
            ]
        )

    def with_changes(self, config: Mapping[str, object] | None = None, **top: object) -> ImageConfig:
        """A new configuration: ``top`` replaces top-level fields, ``config`` those of the ``config`` object.

        Keys are the document's (``config={"Env": [...]}, author="me"``); None removes a field; all others are kept.
        """
        doc = _merged(self.doc, top)
        if config is not None:
            doc["config"] = _in_order(_merged(self.run, config))
        return ImageConfig(fields.dumps(dict(sorted(doc.items()))))

    def with_layers(self, diff_ids: Iterable[Digest], history: Iterable[History] = ()) -> ImageConfig:
        """A new configuration with layers and history added on top."""
        ids = [*map(str, self.diff_ids), *map(str, diff_ids)]
        rootfs = {"type": "layers", **fields.mapping(self.doc, "rootfs", "image config"), "diff_ids": ids}
        entries = [*fields.objects(self.doc, "history", "image config"), *(h.to_json() for h in history)]
        return self.with_changes(rootfs=rootfs, history=entries or None)


def _words(doc: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of strings; docker's early images have a single string in its place."""
    if type(found := doc.get(key)) is str:
        return (found,)
    return fields.texts(doc, key, "config")


def _history(doc: Mapping[str, Any], where: str) -> History:
    return History(
        fields.text(doc, "created", where),
        fields.text(doc, "created_by", where),
        fields.text(doc, "author", where),
        fields.text(doc, "comment", where),
        fields.flag(doc, "empty_layer", where),
    )


def _merged(doc: Mapping[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    return {key: item for key, item in {**doc, **changes}.items() if item is not None}


def _in_order(run: dict[str, Any]) -> dict[str, Any]:
    known = {key: run[key] for key in _RUN_FIELDS if key in run}
    for key in _SORTED_MAPS:
        if type(found := known.get(key)) is dict:
            known[key] = dict(sorted(found.items()))
    return known | {key: item for key, item in run.items() if key not in known}
