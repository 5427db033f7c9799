"""The layers of one ROOT: taken in as tar streams, given out as lower directories and as the same streams."""

from __future__ import annotations

import os
from _thread import allocate_lock

from scow.errors import Corrupt, Invalid, NotFound
from scow.light import loads
from scow.oci.digest import Digest
from scow.store.layers.form import META, Layer
from scow.store.layers.points import is_mount, release
from scow.store.layers.staging import discard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from scow.store.layers.form import Form
    from scow.store.layers.nodes import Limits
    from scow.store.layers.probe import Ability
    from scow.store.layers.writer import LayerWriter
    from scow.store.paths import Paths


class Layers:
    """All layers under one ROOT, of whichever form; new ones get the form that works here.

    All methods may be called by several threads and processes at once. ``form`` ("erofs", "directory") overrides the
    choice.
    """

    def __init__(self, paths: Paths, form: str | None = None, limits: Limits | None = None) -> None:
        self._paths = paths
        self._wanted = form
        self._limits = limits
        self._forms: dict[str, Form] = {}
        self._guard = allocate_lock()
        self._able: Ability | None = None

    @property
    def ability(self) -> Ability:
        """What works on this machine, and why (``probe.describe`` makes a line of it)."""
        if self._able is None:
            from scow.store.layers.probe import ability

            self._able = ability(self._paths)
        return self._able

    def ingest(self, stream: BinaryIO, expected: Digest | None = None) -> Layer:
        """Keep the uncompressed tar that ``stream`` gives. Corrupt, and nothing is left, if it is none or not
        ``expected``. If ``expected`` is here already, ``stream`` is not read.
        """
        if expected is not None:
            there = self.find(expected)
            if there is not None:
                return there
        from scow.store.layers.writer import pump

        with self.writer() as writer:
            pump(stream, writer)
            return writer.finish(expected)

    def writer(self) -> LayerWriter:
        """A layer to be written piece by piece."""
        from scow.store.layers.writer import LayerWriter

        return LayerWriter(self._paths, self.form(self._wanted or self.ability.form), self._limits)

    def find(self, diff_id: Digest) -> Layer | None:
        """The layer, or None if it is not here. Invalid for a digest that is no sha256."""
        try:
            return Layer(diff_id, int(self.meta(diff_id)["size"]))
        except NotFound:
            return None

    def meta(self, diff_id: Digest) -> dict[str, Any]:
        """What is known of a layer: ``size`` and ``form``, and the form's own facts. NotFound, Corrupt."""
        if diff_id.algorithm != "sha256":
            raise Invalid(f"{diff_id} is no diff id: layers are named by sha256")
        path = self._paths.layer_meta(diff_id)
        try:
            with open(path, encoding="utf-8") as f:
                meta = loads(f.read())
            if isinstance(meta, dict) and isinstance(meta.get("size"), int) and isinstance(meta.get("form"), str):
                return meta
        except FileNotFoundError:
            raise NotFound(f"layer {diff_id} is not here") from None
        except ValueError:
            pass
        raise Corrupt(f"{path} is damaged", hint="run scow system check --repair")

    def open(self, diff_id: Digest) -> BinaryIO:
        """Exactly the bytes that ``diff_id`` names, not verified again while they are read; seekable. NotFound."""
        meta = self.meta(diff_id)
        return self.form(meta["form"]).open(self._paths.layer(diff_id), meta["size"])

    def lower(self, diff_id: Digest) -> str:
        """The directory that is this layer to overlay, mounted where needed. NotFound.

        A layer whose form does not work here (the kernel changed) is converted.
        """
        point = self._paths.layer_mount(diff_id)
        if is_mount(point):
            return point
        form = self.meta(diff_id)["form"]
        if form == "erofs" and self._wanted is None and self.ability.form != "erofs":
            self.convert(diff_id, "directory")
            form = "directory"
        return self.form(form).lower(diff_id)

    def remove(self, diff_id: Digest) -> None:
        """Delete a layer, also a damaged one. An overlay of the EROFS form that uses it keeps what it has. NotFound."""
        release(self._paths, diff_id)
        if not discard(self._paths, self._paths.layer(diff_id)):
            raise NotFound(f"layer {diff_id} is not here")

    def walk(self) -> Iterator[Digest]:
        """All layers that exist, in the order of their digests."""
        for name in sorted(os.listdir(self._paths.layers)):
            if len(name) == 64 and os.path.exists(f"{self._paths.layers}/{name}/{META}"):
                yield Digest("sha256", name)

    def convert(self, diff_id: Digest, form: str) -> None:
        """Give a layer another form; harmless if it has it. The bytes are verified on the way."""
        from scow.store.layers.writer import LayerWriter, pump

        if self.meta(diff_id)["form"] == form:
            return
        with self.open(diff_id) as stream, LayerWriter(self._paths, self.form(form), self._limits) as writer:
            pump(stream, writer)
            release(self._paths, diff_id)
            writer.replace(diff_id)

    def form(self, name: str) -> Form:
        """One of the forms, made at first use."""
        with self._guard:
            if name not in self._forms:
                self._forms[name] = self._make_form(name)
            return self._forms[name]

    def _make_form(self, name: str) -> Form:
        if name == "erofs":
            from scow.store.layers.erofs_form import ErofsForm

            able = self.ability
            return ErofsForm(self._paths, how=able.how or "file", direct=able.direct)
        if name == "directory":
            from scow.store.layers.directory_form import DirectoryForm

            return DirectoryForm(self._paths)
        raise Invalid(f"no such form of layers: {name!r}")
