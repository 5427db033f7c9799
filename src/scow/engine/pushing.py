"""``push``: layers the registry lacks are compressed while they are uploaded; then config, manifest and tag.

A layer is not sent at all where the registry has a compressed form of it that is known here: from the image's own
manifest, from an earlier pull or push (``store.usage``), in this or, by mounting, in another repository. What is
compressed here always gives the same bytes, so a second push finds everything in its place.
"""

from __future__ import annotations

import io

from scow.engine.transfers import Teller, parse
from scow.errors import Invalid, NotFound
from scow.oci import graph, manifest, media_types
from scow.oci.crew import Crew
from scow.oci.descriptor import Descriptor
from scow.oci.image import Image
from scow.oci.manifest import Index, Manifest
from scow.oci.platform import Platform
from scow.oci.reference import Reference
from scow.oci.verify import read
from scow.store import images as rows
from scow.store import usage
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scow.engine.registries import Registries
    from scow.engine.transfers import Observer, PushRequest
    from scow.oci.digest import Digest
    from scow.oci.image import Layer
    from scow.registry.body import Write
    from scow.registry.repository import Repository
    from scow.store.images import ImageRecord
    from scow.store.leases import Lease
    from scow.store.store import Store

JOBS = 5
"""Layers at once, as docker's max-concurrent-uploads."""
PIECE = 1 << 20
COMPRESSION = "gzip"
_COMPRESSED = frozenset(
    {
        media_types.OCI_LAYER_GZIP,
        media_types.OCI_LAYER_ZSTD,
        media_types.DOCKER_LAYER_GZIP,
        media_types.DOCKER_LAYER_ZSTD,
    }
)


@value
class _Tagged:
    """What is pushed under one tag."""

    reference: Reference
    image: ImageRecord
    root: Descriptor


def push(registries: Registries, request: PushRequest, on: Observer) -> str:
    """Push what is asked for; the full reference."""
    reference = parse(request.reference, all_tags=request.all_tags)
    if reference.digest:
        raise Invalid("cannot push a digest reference")
    teller = Teller(on)
    store = registries.store
    teller.say(f"The push refers to repository [{reference.name}]")
    found = _tagged(store, reference)
    repository = registries.repository(reference, push=True)
    with store.leases.acquire("push") as lease:
        pusher = _Pusher(registries, repository, lease, teller)
        for tagged in found:
            pusher.one(tagged, Platform.parse(request.platform) if request.platform else None)
    return str(reference)


def _tagged(store: Store, reference: Reference) -> list[_Tagged]:
    """The images here that the reference means. NotFound in docker's words."""
    names = sorted(
        {n for r in rows.list_all(store.state) for n in r.names if Reference.parse(n).name == reference.name}
    )
    if not names:
        raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_name()}")
    if reference.tag:
        if str(reference) not in names:
            raise NotFound(f"tag does not exist: {reference.familiar()}")
        names = [str(reference)]
    return [
        _Tagged(r, rows.find(store.state, str(r)), rows.resolve(store.state, r))
        for r in [Reference.parse(name) for name in names]
    ]


class _Pusher:
    """Pushes into one repository."""

    def __init__(self, registries: Registries, repository: Repository, lease: Lease, teller: Teller) -> None:
        self._store = registries.store
        self._repository = repository
        self._lease = lease
        self._teller = teller
        self._content = registries.store.content.under(lease)
        self._there: set[Digest] = set()

    def one(self, tagged: _Tagged, platform: Platform | None) -> None:
        """Push what one tag stands for: an index with all its images if they are all here, else the one image."""
        root = tagged.root if media_types.is_index(tagged.root.media_type) else tagged.image.manifest
        if media_types.is_index(root.media_type):
            if platform is not None:
                root = graph.select(self._content, root, platform)
            elif not self._complete(root):
                root = tagged.image.manifest
        tag = tagged.reference.tag or ""
        raw, kind = self._document(root)
        digest = self._repository.put_document(raw, kind, tag)
        self._teller.say(f"digest: {digest} size: {len(raw)}", tag)
        pushed = Descriptor(kind, digest, len(raw))
        self._content.put(pushed, io.BytesIO(raw))
        by_digest = Reference(tagged.reference.registry, tagged.reference.repository, None, digest)
        rows.tag(self._store.state, by_digest, tagged.image.id, pushed)

    def _complete(self, root: Descriptor, depth: int = graph.MAX_NESTING) -> bool:
        """Whether every manifest of an index is here with its config and layers."""
        try:
            doc = graph.document(self._content, root)
            if isinstance(doc, Index):
                return depth > 0 and all(self._complete(child, depth - 1) for child in doc.manifests)
            if not media_types.is_config(doc.config.media_type):
                return all(self._content.size(b.digest) == b.size for b in (doc.config, *doc.layers))
            layers = Image(self._content, root).layers
        except NotFound:
            return False
        return all(self._store.layers.layers.find(layer.diff_id) for layer in layers)

    def _document(self, node: Descriptor) -> tuple[bytes, str]:
        """Have everything below a manifest or index in the registry; the document to put in its place."""
        doc = graph.document(self._content, node)
        if isinstance(doc, Manifest):
            return self._image(node, doc), doc.media_type
        children = []
        for child in doc.manifests:
            raw, kind = self._document(child)
            digest = self._repository.put_document(raw, kind, str(manifest.parse(raw, kind).digest))
            children.append(replace(child, digest=digest, size=len(raw), media_type=kind))
        if tuple(children) == doc.manifests:
            return doc.raw, doc.media_type
        return doc.with_fields(manifests=children).raw, doc.media_type

    def _image(self, node: Descriptor, doc: Manifest) -> bytes:
        """Upload an image's layers and config; its manifest, which names what the registry has."""
        if not media_types.is_config(doc.config.media_type):
            for blob in (doc.config, *doc.layers):
                self._blob(blob)
            return doc.raw
        layers = Image(self._content, node).layers
        settled: dict[Digest, Descriptor] = {}
        crew = Crew(JOBS)
        for layer in reversed(layers):
            self._teller.say("Preparing", layer.diff_id.short)
        for layer in {la.diff_id: la for la in reversed(layers)}.values():
            crew.add(lambda layer=layer: settled.update({layer.diff_id: self._layer(layer, crew.check)}))  # type: ignore[misc]
        crew.run()
        self._blob(doc.config)
        family = doc.media_type
        placed = [_placed(la.descriptor, settled[la.diff_id], family) for la in layers]
        if tuple(placed) == doc.layers:
            return doc.raw
        return doc.with_fields(layers=placed).raw

    def _blob(self, blob: Descriptor) -> None:
        """Upload a blob that content has, unless it is there."""
        if blob.digest not in self._there and not self._repository.has(blob):
            with io.BytesIO(read(self._content, blob)) if blob.size < PIECE else self._content.open(blob) as stream:
                self._repository.put(blob, stream)
        self._there.add(blob.digest)

    def _layer(self, layer: Layer, check: Callable[[], None]) -> Descriptor:
        """Have a layer in the registry, in whatever compressed form; that form."""
        short = layer.diff_id.short
        if media_types.is_foreign(layer.descriptor.media_type):
            self._teller.say("Skipped foreign layer", short)
            return layer.descriptor
        forms = self._forms(layer)
        for form in forms:
            if form.digest in self._there or self._repository.has(form):
                self._teller.say("Layer already exists", short)
                self._there.add(form.digest)
                return form
        for form in forms:
            for other in self._elsewhere(layer.diff_id):
                if self._repository.mount(form.digest, other):
                    self._teller.say(f"Mounted from {other}", short)
                    return form
        form = self._upload(layer, forms, check)
        self._there.add(form.digest)
        self._teller.say("Pushed", short)
        return form

    def _forms(self, layer: Layer) -> list[Descriptor]:
        """The compressed forms of a layer that are known, its manifest's own first."""
        own = [layer.descriptor] if layer.descriptor.media_type in _COMPRESSED else []
        known = usage.compressed_forms(self._store.state, layer.diff_id)
        known = [f for f in known if f.media_type in _COMPRESSED and f.digest not in {o.digest for o in own}]
        return own + [Descriptor(f.media_type, f.digest, f.size) for f in known]

    def _elsewhere(self, diff_id: Digest) -> list[str]:
        """Other repositories of this registry that images with the layer were pulled from or pushed to."""
        found = []
        for record in rows.list_all(self._store.state):
            if diff_id in record.diff_ids:
                found += [Reference.parse(name) for name in record.repo_digests]
        registry, own = self._repository.client.endpoint.registry, self._repository.name
        names = [r.repository for r in found if r.registry == registry and r.repository != own]
        return list(dict.fromkeys(names))[:3]

    def _upload(self, layer: Layer, forms: Iterable[Descriptor], check: Callable[[], None]) -> Descriptor:
        for form in forms:
            if self._content.blobs.size(form.digest) == form.size:
                self._blob(form)
                return form
        from scow.registry.body import Made

        body = Made(_Packer(self._store, layer.diff_id, self._teller, check))
        digest = self._repository.upload(body)
        kind = media_types.layer_type(COMPRESSION)
        usage.learn(self._store.state, usage.Compressed(digest, kind, body.length, layer.diff_id))
        return Descriptor(kind, digest, body.length)


class _Packer:
    """Compresses a layer into whatever takes the bytes, telling how far it came."""

    def __init__(self, store: Store, diff_id: Digest, teller: Teller, check: Callable[[], None]) -> None:
        self._store = store
        self._diff_id = diff_id
        self._teller = teller
        self._check = check

    def __call__(self, write: Write) -> None:
        from scow.wire.compress import compressor

        size = self._store.layers.layers.meta(self._diff_id)["size"]
        packed = compressor(_Out(write), COMPRESSION)
        done = 0
        try:
            with self._store.layers.open(self._diff_id) as stream:
                while data := stream.read(PIECE):
                    self._check()
                    packed.write(data)
                    done += len(data)
                    self._teller.progress("Pushing", self._diff_id.short, done, size)
            packed.close()
        except BaseException:
            packed.abort()
            raise


class _Out:
    """A function as something to write to."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def write(self, data: bytes, /) -> None:
        """Pass ``data`` on."""
        self._write(data)


def _placed(named: Descriptor, there: Descriptor, family: str) -> Descriptor:
    """The layer's descriptor as the pushed manifest has it: the form that is there, in the manifest's own words."""
    if named.digest == there.digest:
        return named
    return replace(
        named, digest=there.digest, size=there.size, media_type=media_types.same_family(there.media_type, family)
    )
