"""``-v``, ``--mount`` and ``--tmpfs``."""

from __future__ import annotations

import os

from scow.cli.flags import UsageError
from scow.cli.units import parse_bytes
from scow.engine.requests import MountRequest
from scow.errors import Invalid, Unsupported

PROPAGATIONS = {"private", "rprivate", "shared", "rshared", "slave", "rslave"}
IGNORED_MODES = {"z", "Z", "cached", "consistent", "delegated", ""}
TRUE = {"", "1", "true"}


def volume(text: str) -> MountRequest:
    """``[SOURCE:]TARGET[:MODES]``."""
    parts = text.split(":")
    if len(parts) > 3 or not text:
        raise Invalid(f"invalid spec: {text}: too many colons" if text else "invalid empty volume spec")
    if len(parts) == 1:
        return MountRequest("volume", "", _target(parts[0], text))
    source, target = parts[0], _target(parts[1], text)
    if not source:
        raise Invalid(f"invalid volume specification: '{text}': empty section between colons")
    modes = parts[2].split(",") if len(parts) == 3 else []
    propagation = next((m for m in modes if m in PROPAGATIONS), "")
    for mode in modes:
        if mode not in PROPAGATIONS | IGNORED_MODES | {"ro", "rw", "nocopy"}:
            raise Invalid(f"invalid mode: {parts[2]}")
    host = source.startswith(("/", "./", "../", "~")) or source in (".", "..")
    return MountRequest(
        kind="bind" if host else "volume",
        source=os.path.abspath(os.path.expanduser(source)) if host else source,
        target=target,
        read_only="ro" in modes,
        propagation=propagation,
        create=host,
        no_copy="nocopy" in modes,
    )


def _target(target: str, text: str) -> str:
    if not target.startswith("/"):
        raise Invalid(
            f"invalid volume specification: '{text}': invalid mount path: '{target}' mount path must be absolute"
        )
    clean = os.path.normpath(target)
    if clean in ("/", "//"):
        raise Invalid(f"invalid volume specification: '{text}': invalid specification: destination can't be '/'")
    return clean


class _Fields:
    """The ``key=value`` fields of one ``--mount``."""

    def __init__(self, text: str) -> None:
        import csv

        self.text = text
        self.found: dict[str, str] = {}
        for field in next(csv.reader([text])):
            key, equals, rest = field.partition("=")
            key = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}.get(
                key.lower(), key.lower()
            )
            if not equals and key not in ("readonly", "volume-nocopy", "bind-nonrecursive"):
                raise self.error(f"invalid field '{field}' must be a key=value pair")
            if key not in KEYS:
                raise self.error(f"unexpected key '{key}' in '{field}'")
            if key in KEPT_FOR_LATER:
                raise Unsupported(f"scow run does not support {key} in --mount {text}")
            self.found[key] = rest

    def error(self, problem: str) -> UsageError:
        return UsageError(f'invalid argument "{self.text}" for "--mount" flag: {problem}')

    def on(self, key: str) -> bool:
        if key not in self.found:
            return False
        if self.found[key].lower() not in TRUE | {"0", "false"}:
            raise self.error(f"invalid value for {key}: {self.found[key]}")
        return self.found[key].lower() in TRUE


KEPT_FOR_LATER = {"volume-driver", "volume-opt", "volume-label", "volume-subpath", "consistency", "bind-create-src"}
KEYS = {"type", "source", "target", "readonly", "bind-propagation", "bind-nonrecursive", "bind-recursive",
        "volume-nocopy", "tmpfs-size", "tmpfs-mode"} | KEPT_FOR_LATER  # fmt: skip


def mount(text: str) -> MountRequest:
    """``type=bind,source=/a,target=/b,readonly``."""
    fields = _Fields(text)
    kind = fields.found.get("type", "volume")
    if "target" not in fields.found:
        raise fields.error("target is required")
    if kind not in ("bind", "volume", "tmpfs"):
        raise Invalid(f'invalid mount config for type "{kind}": mount type unknown')
    source = fields.found.get("source", "")
    if kind == "bind" and not source:
        raise Invalid('invalid mount config for type "bind": field Source must not be empty')
    if kind == "tmpfs" and source:
        raise Invalid('invalid mount config for type "tmpfs": field Source must not be specified')
    target = fields.found["target"]
    if not target.startswith("/"):
        raise Invalid(
            f"invalid mount config for type \"{kind}\": invalid mount path: '{target}' mount path must be absolute"
        )
    propagation = fields.found.get("bind-propagation", "")
    if propagation and propagation not in PROPAGATIONS:
        raise Invalid(f'invalid mount config for type "bind": invalid propagation mode: {propagation}')
    mode = fields.found.get("tmpfs-mode")
    recursive = not fields.on("bind-nonrecursive") and fields.found.get("bind-recursive", "enabled") != "disabled"
    return MountRequest(
        kind=kind,
        source=os.path.abspath(source) if kind == "bind" else source,
        target=os.path.normpath(target),
        read_only=fields.on("readonly"),
        propagation=propagation,
        recursive=recursive,
        no_copy=fields.on("volume-nocopy"),
        size=parse_bytes(fields.found["tmpfs-size"]) if "tmpfs-size" in fields.found else 0,
        mode=int(mode, 8) if mode is not None else None,
    )


TMPFS_WORDS = {"ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "sync", "async", "noatime", "atime",
               "nodiratime", "diratime", "relatime", "norelatime", "strictatime", "remount"}  # fmt: skip
TMPFS_KEYS = {"mode", "uid", "gid", "nr_inodes", "nr_blocks", "size", "mpol"}


def tmpfs(text: str) -> MountRequest:
    """``TARGET[:OPTIONS]``; the options are tmpfs(5)'s."""
    target, _, rest = text.partition(":")
    if not target.startswith("/"):
        raise Invalid(f"invalid mount path: '{target}' mount path must be absolute")
    options = tuple(o for o in rest.split(",") if o)
    for option in options:
        if option not in TMPFS_WORDS and option.partition("=")[0] not in TMPFS_KEYS:
            raise Invalid(f'invalid tmpfs option "{option}"')
    return MountRequest("tmpfs", "", os.path.normpath(target), read_only="ro" in options, options=options)


def mounts(volumes: tuple[str, ...], longs: tuple[str, ...], tmpfses: tuple[str, ...]) -> tuple[MountRequest, ...]:
    """All mounts asked for; two on one target are an error, as docker's (the same ``-v`` twice is one)."""
    found = (*map(volume, dict.fromkeys(volumes)), *map(mount, longs), *map(tmpfs, tmpfses))
    seen: set[str] = set()
    for m in found:
        if m.target in seen:
            raise Invalid(f"Duplicate mount point: {m.target}")
        seen.add(m.target)
    return found
