"""The image's configuration while a stage changes it: the OCI document as plain data."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.oci.config import ImageConfig
    from scow.oci.platform import Platform

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
COMMENT = "buildkit.dockerfile.v0"


def cloned(doc: Any) -> Any:
    """A copy of plain data."""
    if isinstance(doc, dict):
        return {key: cloned(item) for key, item in doc.items()}
    return [cloned(item) for item in doc] if isinstance(doc, list) else doc


class Image:
    """A configuration document and the ways instructions change it."""

    def __init__(self, doc: dict[str, Any]) -> None:
        self.doc = doc
        self.config: dict[str, Any] = doc.setdefault("config", {})
        self.history: list[dict[str, Any]] = doc.setdefault("history", [])

    @staticmethod
    def empty(platform: Platform) -> Image:
        """What FROM scratch begins with."""
        config = {"Env": [f"PATH={DEFAULT_PATH}"], "WorkingDir": "/"}
        return Image({**platform.to_json(), "config": config, "rootfs": {"type": "layers", "diff_ids": []}})

    @staticmethod
    def of(base: ImageConfig) -> Image:
        """What FROM an image begins with: the same, not created yet."""
        doc = cloned(base.doc)
        doc.pop("created", None)
        for key in ("config", "history"):
            if doc.get(key) is None:
                doc.pop(key, None)
        return Image(doc)

    def copy(self) -> Image:
        """What a stage built on this one begins with: ONBUILD triggers are not inherited by stages."""
        image = Image(cloned(self.doc))
        image.config.pop("OnBuild", None)
        return image

    def env(self) -> dict[str, str]:
        """The environment."""
        pairs = (e.partition("=") for e in self.config.get("Env") or [])
        return {key: given for key, _, given in pairs}

    def set_env(self, key: str, given: str) -> None:
        """Set a variable, in its old place if it had one."""
        env: list[str] = self.config.get("Env") or []
        found = next((n for n, e in enumerate(env) if e.partition("=")[0] == key), len(env))
        self.config["Env"] = [*env[:found], f"{key}={given}", *env[found + 1 :]]

    def add(self, key: str, names: list[str]) -> None:
        """Add names to ``ExposedPorts`` or ``Volumes``."""
        self.config[key] = {**(self.config.get(key) or {}), **{name: {} for name in names}}

    def shell(self, args: tuple[str, ...]) -> tuple[str, ...]:
        """A shell form command behind the shell."""
        return (*(self.config.get("Shell") or ("/bin/sh", "-c")), " ".join(args))

    def commit(self, words: str, *, layer: bool = False, command: bool = False, epoch: int | None = None) -> None:
        """Add to the history. ``layer``: it made a layer; ``command``: mark it, as BuildKit does RUN and COPY."""
        entry: dict[str, Any] = {} if epoch is None else {"created": timestamp(epoch)}
        entry |= {"created_by": words + (" # buildkit" if command else ""), "comment": COMMENT}
        if not layer:
            entry["empty_layer"] = True
        self.history.append(entry)


def timestamp(seconds: int) -> str:
    """RFC 3339 in UTC."""
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
