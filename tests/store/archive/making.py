"""Archives for tests, made with the standard library's tar writer: nothing here trusts ours."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING

from scow.oci import media_types
from scow.oci.digest import Digest
from scow.oci.manifest import Manifest
from scow.oci.platform import host

if TYPE_CHECKING:
    from scow.oci.memory import Memory


def layer(*files: tuple[str, bytes]) -> bytes:
    """A layer tar."""
    return tar(dict(files))


def config(*layers: bytes, **more: object) -> bytes:
    doc = {
        **host().to_json(),
        "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(data)) for data in layers]},
        **more,
    }
    return json.dumps(doc).encode()


def tar(members: dict[str, bytes] | list[tuple[str, bytes | tarfile.TarInfo]]) -> bytes:
    """A tar of files; a TarInfo in place of the bytes is added as it is."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items() if isinstance(members, dict) else members:
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[str, tarfile.TarInfo]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return name, info


def docker_members(tags: list[str], *layers: bytes) -> dict[str, bytes]:
    """The members docker 1.10 to 24 wrote for one image."""
    raw = config(*layers)
    name = f"{Digest.of(raw).hex}.json"
    members = {name: raw}
    paths = []
    for i, data in enumerate(layers):
        directory = f"{i:064x}"
        members |= {f"{directory}/VERSION": b"1.0", f"{directory}/json": b"{}", f"{directory}/layer.tar": data}
        paths.append(f"{directory}/layer.tar")
    members["manifest.json"] = json.dumps([{"Config": name, "RepoTags": tags, "Layers": paths}]).encode()
    return members


def image(memory: Memory, *layers: bytes, compress: bool = False, **more: object) -> Manifest:
    """An image in memory."""
    kind = media_types.OCI_LAYER_GZIP if compress else media_types.OCI_LAYER
    blobs = [memory.add(kind, gzip.compress(data, mtime=0) if compress else data) for data in layers]
    manifest = Manifest.of(memory.add(media_types.OCI_CONFIG, config(*layers, **more)), blobs)
    memory.add(manifest.media_type, manifest.raw)
    return manifest
