"""validate: every fault of an image, not only the first."""

from __future__ import annotations

from scow.errors import Corrupt, Error
from scow.oci import fields, media_types
from scow.oci.config import ImageConfig
from scow.oci.digest import Digest, hasher
from scow.oci.graph import MAX_NESTING
from scow.oci.manifest import Index, Manifest, parse
from scow.oci.verify import read, verified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from scow.oci.descriptor import Descriptor
    from scow.oci.protocols import Opener

    Decompress = Callable[[BinaryIO], BinaryIO]


def validate(source: Opener, root: Descriptor, decompress: Decompress | None = None) -> list[str]:
    """Read everything below ``root`` and say what is wrong, each fault beginning with the digest it is about.

    With ``decompress`` (``wire.compress.decompress``) the diff ids of compressed layers are checked too.
    """
    checker = _Checker(source, decompress)
    checker.visit(root, ())
    return checker.faults


class _Checker:
    def __init__(self, source: Opener, decompress: Decompress | None) -> None:
        self.source = source
        self.decompress = decompress
        self.faults: list[str] = []
        self._seen: dict[Digest, Descriptor] = {}

    def fault(self, at: Descriptor, message: str) -> None:
        self.faults.append(f"{at.digest}: {message.removeprefix(str(at.digest)).lstrip(': ')}")

    def visit(self, node: Descriptor, above: tuple[Digest, ...]) -> None:
        if node.digest in above:
            return self.fault(node, "contains itself")
        if len(above) > MAX_NESTING:
            return self.fault(node, f"nested more than {MAX_NESTING} indexes deep")
        if self._met(node):
            return None
        try:
            doc = parse(read(self.source, node), node.media_type)
            if isinstance(doc, Index):
                return self._index(node, doc, above)
            return self._manifest(node, doc)
        except Error as error:
            return self.fault(node, str(error))

    def _met(self, node: Descriptor) -> bool:
        """Whether the blob was checked before; another size or type for the same digest is a fault."""
        before = self._seen.setdefault(node.digest, node)
        if before.size != node.size:
            self.fault(node, f"its size is {before.size} in one place and {node.size} in another")
        if media_types.is_layer(before.media_type) != media_types.is_layer(node.media_type):
            self.fault(node, f"it is {before.media_type!r} in one place and {node.media_type!r} in another")
        return before is not node

    def _index(self, node: Descriptor, index: Index, above: tuple[Digest, ...]) -> None:
        for entry in index.manifests:
            if media_types.is_index(entry.media_type) or media_types.is_manifest(entry.media_type):
                self.visit(entry, (*above, node.digest))
            else:
                self.fault(node, f"lists {entry.digest} of type {entry.media_type!r}, which is no manifest")

    def _manifest(self, node: Descriptor, manifest: Manifest) -> None:
        layers = manifest.layers
        diff_ids: tuple[Digest | None, ...] = (None,) * len(layers)
        if media_types.is_config(manifest.config.media_type):
            diff_ids = self._config(node, manifest) or diff_ids
            for layer in layers:
                if not media_types.is_layer(layer.media_type):
                    self.fault(node, f"layer {layer.digest} has the type {layer.media_type!r}, which is no layer's")
        elif not self._met(manifest.config):
            self._blob(manifest.config, None)
        for layer, diff_id in zip(layers, diff_ids, strict=True):
            if not self._met(layer) and not media_types.is_foreign(layer.media_type):
                self._blob(layer, diff_id)

    def _config(self, node: Descriptor, manifest: Manifest) -> tuple[Digest, ...] | None:
        """Check the configuration; its diff ids if there is one for each layer."""
        blob, count = manifest.config, len(manifest.layers)
        self._met(blob)
        try:
            config = ImageConfig(read(self.source, blob))
            for message in config_faults(config):
                self.fault(blob, message)
            if node.platform and node.platform.normalized() != config.platform.normalized():
                self.fault(node, f"the index says {node.platform}, the config {config.platform}")
            diff_ids = config.diff_ids
        except Error as error:
            self.fault(blob, str(error))
            return None
        if len(diff_ids) != count:
            self.fault(node, f"the manifest has {count} layers, the config {len(diff_ids)} diff ids")
            return None
        return diff_ids

    def _blob(self, blob: Descriptor, diff_id: Digest | None) -> None:
        try:
            with verified(self.source.open(blob), blob) as stream:
                while stream.read(1 << 20):
                    pass
            if diff_id is not None:
                self._diff_id(blob, diff_id)
        except Error as error:
            self.fault(blob, str(error))

    def _diff_id(self, blob: Descriptor, diff_id: Digest) -> None:
        compressed = media_types.compression_of(blob.media_type) != "none"
        if compressed and self.decompress is None:
            return
        h = hasher(diff_id.algorithm)
        with self.source.open(blob) as stream:
            plain = self.decompress(stream) if compressed and self.decompress else stream
            while data := plain.read(1 << 20):
                h.update(data)
        found = Digest(diff_id.algorithm, h.hexdigest())
        if found != diff_id:
            raise Corrupt(f"its uncompressed content is {found}, the config's diff id {diff_id}")


def config_faults(config: ImageConfig) -> list[str]:
    """What is wrong with a configuration by itself: every accessor is read."""
    faults = []
    for name in _ACCESSORS:
        try:
            getattr(config, name)
        except Corrupt as error:
            faults.append(str(error))
    if faults:
        return faults
    faults += [f"{name} is missing" for name in ("architecture", "os") if not getattr(config, name)]
    kind = fields.text(fields.mapping(config.doc, "rootfs", "image config"), "type", "rootfs")
    if kind != "layers":
        faults.append(f"rootfs.type is {kind!r}, not 'layers'")
    made = sum(not entry.empty_layer for entry in config.history)
    if config.history and made != len(config.diff_ids):
        faults.append(f"the history has {made} layers, rootfs {len(config.diff_ids)} diff ids")
    return faults


_ACCESSORS = [
    name
    for name, kind in vars(ImageConfig).items()
    if not name.startswith("_") and (isinstance(kind, property) or hasattr(kind, "attrname"))
]
