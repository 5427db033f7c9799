"""``-c`` of ``import`` and ``commit``: Dockerfile instructions that change an image's configuration and no file."""

from __future__ import annotations

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from scow.oci.config import ImageConfig

FIELDS = {
    "CMD": ("Cmd",),
    "ENTRYPOINT": ("Entrypoint", "Cmd"),
    "ENV": ("Env",),
    "EXPOSE": ("ExposedPorts",),
    "HEALTHCHECK": ("Healthcheck",),
    "LABEL": ("Labels",),
    "ONBUILD": ("OnBuild",),
    "STOPSIGNAL": ("StopSignal",),
    "USER": ("User",),
    "VOLUME": ("Volumes",),
    "WORKDIR": ("WorkingDir",),
}
"""What each allowed instruction may change; a build sets more (PATH, ``/`` as working directory), a change does not."""
_BASE = "scow.local/changed"


def apply(config: ImageConfig, changes: Iterable[str]) -> ImageConfig:
    """``config`` with the instructions carried out in order; layers and history stay as they are.

    Errors: Invalid in docker's words for an instruction that is none of these, DockerfileError (Invalid) for a bad one.
    """
    lines: list[str] = []
    touched: set[str] = set()
    for change in changes:
        text = change.strip()
        word = text.split(None, 1)[0] if text else ""
        if word.upper() not in FIELDS:
            raise Invalid(
                f"{word or repr(change)} is not a valid change command", hint=f"use one of {', '.join(FIELDS)}"
            )
        if "\n" in text:
            raise Invalid(f"a change is one instruction on one line: {text!r}")
        lines.append(text)
        touched.update(FIELDS[word.upper()])
    if not lines:
        return config
    new = _converted(config, f"FROM {_BASE}\n" + "\n".join(lines) + "\n")
    if "Env" in new and not any(e.startswith("PATH=") for e in config.env) and "PATH" not in " ".join(lines):
        new["Env"] = [e for e in new["Env"] if not e.startswith("PATH=")]
    return config.with_changes(config={key: new.get(key) for key in touched})


def _converted(config: ImageConfig, text: str) -> dict[str, Any]:
    from scow.build.dockerfile import parse
    from scow.build.dockerfile.convert.converter import convert
    from scow.build.dockerfile.options import Options

    conversion = convert(parse(text.encode(), "changes"), Options(), lambda *_: (config.digest, config))
    found: dict[str, Any] = conversion.config.get("config") or {}
    return found
