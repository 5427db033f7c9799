"""Archives of docker before 1.10: ``repositories``, and a directory with VERSION, json and layer.tar per layer.

Each layer was an image with a parent. A config is made of the last one's json as docker's own migration did it
(moby image/v1/imagev1.go, MakeConfigFromV1Config), so that the image gets the id docker gives it.
"""

from __future__ import annotations

from scow.errors import Corrupt, Invalid
from scow.oci import fields
from scow.oci.digest import Digest, hasher
from scow.store.archive.contents import full_name
from scow.store.archive.docker_archive import Item
from scow.store.archive.files import document
from scow.wire.compress import decompress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.store.archive.files import Files

MAX_LAYERS = 4096
_DROPPED = ("id", "parent", "Size", "parent_id", "layer_id", "throwaway")
_CHUNK = 1 << 20


def read_repositories(files: Files) -> list[Item]:
    """The images that ``repositories`` names. Corrupt names what is wrong."""
    names: dict[str, list[str]] = {}
    where = f"{files.what}: repositories"
    repositories = fields.loads(document(files, "repositories"), where)
    for repository in repositories:
        for tag, top in fields.text_map(repositories, repository, where).items():
            try:
                names.setdefault(top, []).append(full_name(f"{repository}:{tag}"))
            except Invalid as e:
                raise Corrupt(f"{where}: {repository}:{tag}: {e}") from None
    digests: dict[str, Digest] = {}
    return [_item(files, top, tuple(tags), digests) for top, tags in names.items()]


def _item(files: Files, top: str, names: tuple[str, ...], digests: dict[str, Digest]) -> Item:
    chain = _chain(files, top)
    layers = [f"{directory}/layer.tar" for directory, _ in chain]
    for name in layers:
        if name not in digests:
            digests[name] = _diff_id(files, name)
    config = {key: item for key, item in chain[-1][1].items() if key not in _DROPPED}
    config["rootfs"] = {"type": "layers", "diff_ids": [str(digests[name]) for name in layers]}
    config["history"] = [_history(doc) for _, doc in chain]
    return Item(fields.dumps(dict(sorted(config.items()))), tuple(layers), names)


def _chain(files: Files, top: str) -> list[tuple[str, dict[str, Any]]]:
    """The directories of a layer and its parents with their json, bottom first."""
    found: dict[str, dict[str, Any]] = {}
    while top:
        if len(top) != 64 or top.strip("0123456789abcdef"):
            raise Corrupt(f"{files.what}: {top[:80]!r} is no layer id")
        if top in found:
            raise Corrupt(f"{files.what}: layer {top} is its own ancestor")
        if len(found) >= MAX_LAYERS:
            raise Corrupt(f"{files.what}: more than {MAX_LAYERS} layers")
        what = f"{files.what}: {top}/json"
        found[top] = fields.loads(document(files, f"{top}/json", fields.MAX_BYTES), what)
        top = fields.text(found[top], "parent", what)
    if not found:
        raise Corrupt(f"{files.what}: repositories names no layer")
    return list(found.items())[::-1]


def _history(doc: dict[str, Any]) -> dict[str, Any]:
    """docker's HistoryFromV1Image, fields in the order of its Go struct."""
    command = fields.texts(fields.mapping(doc, "container_config", "json"), "Cmd", "container_config")
    history = {
        "created": fields.text(doc, "created", "json"),
        "author": fields.text(doc, "author", "json"),
        "created_by": " ".join(command),
        "comment": fields.text(doc, "comment", "json"),
    }
    return {key: text for key, text in history.items() if text}


def _diff_id(files: Files, name: str) -> Digest:
    state = hasher()
    with files.open(name) as stream:
        plain = decompress(stream)
        while data := plain.read(_CHUNK):
            state.update(data)
    return Digest("sha256", state.hexdigest())
