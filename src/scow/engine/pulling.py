"""``pull``: resolve, choose, copy, name."""

from __future__ import annotations

import io

from scow.engine.arrivals import Arrivals, Incoming, Near, layers_of
from scow.engine.transfers import Teller, parse
from scow.errors import NotFound
from scow.oci import graph, media_types
from scow.oci.copy import Choice, copy
from scow.oci.events import Done, Found, Progress
from scow.oci.image import Image
from scow.oci.platform import Platform, host
from scow.oci.reference import Reference
from scow.oci.verify import read
from scow.store import images as rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scow.engine.registries import Registries
    from scow.engine.transfers import Observer, PullRequest
    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.registry.repository import Repository
    from scow.store.leases import Lease

JOBS = 3
"""Layers at once, as docker's max-concurrent-downloads."""


def pull(registries: Registries, request: PullRequest, on: Observer) -> str:
    """Pull what is asked for; the full reference."""
    reference = parse(request.reference, all_tags=request.all_tags)
    teller = Teller(on)
    platform = Platform.parse(request.platform) if request.platform else host()
    repository = registries.repository(reference)
    with registries.store.leases.acquire("pull") as lease:
        puller = _Puller(registries, lease, platform, teller)
        if not request.all_tags:
            changed = puller.one(repository, reference)
        else:
            tags = sorted(repository.tags())
            if not tags:
                raise NotFound(f"repository {reference.familiar_name()} has no tags")
            pulled = [puller.one(repository, reference.with_tag(tag)) for tag in tags]
            changed = any(pulled)
    newer = "Downloaded newer image for" if changed else "Image is up to date for"
    teller.say(f"Status: {newer} {reference.familiar()}")
    return str(reference)


class _Puller:
    """Pulls of one repository."""

    def __init__(self, registries: Registries, lease: Lease, platform: Platform, teller: Teller) -> None:
        self._registries = registries
        self._store = registries.store
        self._lease = lease
        self._platform = platform
        self._teller = teller

    def one(self, repository: Repository, reference: Reference) -> bool:
        """Pull one tag or digest; whether it stands for another image than before."""
        name = str(reference.digest or reference.tag)
        root = repository.resolve(name)
        self._teller.say(f"Pulling from {reference.repository}", name)
        chosen = self._fetch(repository, root)
        changed = self._enter(reference, root, chosen)
        self._teller.say(f"Digest: {root.digest}")
        return changed

    def _fetch(self, repository: Repository, root: Descriptor) -> Descriptor:
        """Have the image for the platform here, and the index that led to it."""
        content = self._store.content.under(self._lease)
        near = Near(content)
        documents = Incoming(near, repository, {})
        # What is read to decide is put at once: what follows finds it here.
        content.put(root, io.BytesIO(read(documents, root)))
        chosen = graph.select(documents, root, self._platform)
        content.put(chosen, io.BytesIO(read(documents, chosen)))
        image = Image(documents, chosen)
        config = image.manifest.config
        if media_types.is_config(config.media_type):
            content.put(config, io.BytesIO(read(documents, config)))
        layers = layers_of(image)
        sink = Arrivals(self._store, self._lease, layers, self._registries.transport.wait)
        source = Incoming(near, repository, layers)
        shown = _Shown(self._teller, layers, sink.has, known=self._known(config.digest))
        copy(source, chosen, sink, jobs=JOBS, on=shown, choice=Choice(foreign=True))
        return chosen

    def _known(self, image: Digest) -> bool:
        """Whether the image is listed here already."""
        try:
            rows.get(self._store.state, image)
        except NotFound:
            return False
        return True

    def _enter(self, reference: Reference, root: Descriptor, chosen: Descriptor) -> bool:
        """Let the name stand for what was pulled."""
        from scow.store.local import Local

        store = self._store
        local = Local(store.paths, store.content.under(self._lease), store.state, self._platform)
        image = local.enter(chosen)
        named = Reference(reference.registry, reference.repository, reference.tag, root.digest)
        try:
            before: Digest | None = rows.find(store.state, str(reference)).id
        except NotFound:
            before = None
        rows.tag(store.state, named.without_tag() if reference.digest else named, image, root)
        return before != image


class _Shown:
    """Turns the events of a copy into docker's messages; only layers are shown, and none of an image that is here."""

    def __init__(
        self, teller: Teller, layers: Mapping[Digest, Digest], has: Callable[[Descriptor], bool], *, known: bool
    ) -> None:
        self._teller = teller
        self._layers = layers
        self._has = has
        self._held: list[str] = []
        self._quiet = known

    def __call__(self, event: object) -> None:
        blob: Descriptor | None = getattr(event, "blob", None)
        if blob is None or (self._layers and blob.digest not in self._layers) or graph.is_document(blob):
            return
        short = blob.digest.short
        match event:
            case Found():
                self._found(blob)
            case Progress(offset=offset):
                self._teller.progress("Downloading", short, offset, blob.size)
            case Done():
                self._teller.say("Download complete", short)
                self._teller.say("Pull complete", short)

    def _found(self, blob: Descriptor) -> None:
        if self._has(blob):
            self._held.append(blob.digest.short)
            if not self._quiet:
                self._flush()
            return
        self._quiet = False
        self._flush()
        self._teller.say("Pulling fs layer", blob.digest.short)

    def _flush(self) -> None:
        for short in self._held:
            self._teller.say("Already exists", short)
        self._held.clear()
