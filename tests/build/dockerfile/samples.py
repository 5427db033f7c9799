"""Images that need no registry, and short ways to parse and convert."""

from __future__ import annotations

import json
from typing import Any

from scow.build.dockerfile import Conversion, Options, convert, parse
from scow.errors import NotFound
from scow.oci.config import ImageConfig
from scow.oci.digest import Digest
from scow.oci.platform import Platform

AMD64 = Platform("linux", "amd64")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def image_config(**config: Any) -> ImageConfig:
    """A one-layer image; ``top_`` keys go to the top level."""
    top = {key[4:]: config.pop(key) for key in list(config) if key.startswith("top_")}
    doc = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2020-01-01T00:00:00Z",
        "config": {"Env": [PATH], "Cmd": ["sh"], **config},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "1" * 64]},
        "history": [{"created": "2020-01-01T00:00:00Z", "created_by": "base"}],
        **top,
    }
    return ImageConfig(json.dumps(doc).encode())


IMAGES = {
    "docker.io/library/onbuild:latest": image_config(OnBuild=["COPY --from=alpine /etc/motd /m", "RUN echo $X"]),
    "docker.io/library/nopath:latest": image_config(Env=["A=1"], User="app", WorkingDir="/srv"),
    "docker.io/library/empty:latest": image_config(
        Labels={"a": "b"}, top_rootfs={"type": "layers", "diff_ids": []}, top_history=[]
    ),
    "docker.io/library/shelled:latest": image_config(Shell=["/bin/bash", "-ec"]),
}


def resolve(name: str, platform: Platform) -> tuple[Digest | None, ImageConfig]:
    """Every image exists, but for those with ``missing`` in their names."""
    if "missing" in name:
        raise NotFound(f"{name}: not found")
    config = IMAGES.get(name) or image_config(top_architecture=platform.architecture)
    return Digest("sha256", "a" * 64), config


def built(text: str, **options: Any) -> Conversion:
    """Parse and convert for linux/amd64."""
    options.setdefault("build_platform", AMD64)
    return convert(parse(text.encode("utf-8", "surrogateescape")), Options(**options), resolve)


def top(conversion: Conversion) -> Any:
    """The op of the last vertex."""
    assert conversion.edge is not None
    return conversion.edge.vertex.op


def created_by(conversion: Conversion) -> list[str]:
    """The history the Dockerfile added."""
    return [h["created_by"] for h in conversion.config["history"] if h["created_by"] != "base"]
