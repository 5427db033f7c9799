"""Cache keys: digests that keep what they were made of.

A vertex is known by up to two keys. The *definition key* is made of the runner's cache map and the identities of the
inputs; no content is read for it. The *content key* has, for every input that is only read from (a COPY's source),
the digest of the content that is read in the identity's place. A vertex's *identity* is the one name its dependants
put into their own keys: the content key where the vertex reads content, else the definition key; or, after a run that
was forced by ``--no-cache``, a new name, so that all that depends on it is built anew.

A key's preimage is canonical JSON, is stored beside the result, and ``explain`` says where two of them part.
"""

from __future__ import annotations

import hashlib
import json

from scow.build.graph import canonical
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    from scow.build.results import Result

    ContentOf: TypeAlias = Callable[[Result], "Content"]


@value
class Content:
    """Digest of what a vertex reads of an input. ``parts``: the digests of its topmost names, for ``explain``; they
    may be left out.
    """

    digest: str
    parts: tuple[tuple[str, str], ...] = ()


@value
class InputKey:
    """How one input enters the keys. ``selector``: what of it is read, in words; ``content``: computes the slow
    digest, None if the
    input enters by identity only (the tree a RUN or COPY works on).
    """

    selector: str = ""
    content: ContentOf | None = None


@value
class CacheMap:
    """What a runner says of a vertex: ``base`` is the work itself as JSON-able data, without secrets and without what
    does not matter.

    ``remember``: False for sources, whose results have a place of their own and are neither looked up nor saved.
    ``at_hand``: to run it is no work, which is shown as CACHED.
    """

    base: Mapping[str, object]
    inputs: tuple[InputKey, ...] = ()
    remember: bool = True
    at_hand: bool = False


@value
class CacheKey:
    """A digest and the bytes it was taken of."""

    digest: str
    preimage: bytes


def make_key(preimage: Mapping[str, object]) -> CacheKey:
    """The key of some JSON-able data."""
    raw = canonical(preimage)
    return CacheKey("sha256:" + hashlib.sha256(raw).hexdigest(), raw)


def definition_key(cache_map: CacheMap, identities: tuple[str, ...]) -> CacheKey:
    """The fast key: by what the inputs are called."""
    inputs = [{"is": i, "selector": k.selector} for i, k in zip(identities, cache_map.inputs, strict=True)]
    return make_key({"work": cache_map.base, "inputs": inputs})


def content_key(cache_map: CacheMap, inputs: tuple[str | Content, ...]) -> CacheKey:
    """The slow key: ``inputs`` has a Content where content is what counts, an identity elsewhere."""
    rows = [{"content": i.digest, "parts": dict(i.parts)} if isinstance(i, Content) else {"is": i} for i in inputs]
    return make_key({"work": cache_map.base, "inputs": rows})


def of_output(identity: str, output: int) -> str:
    """The identity of one output of a vertex."""
    return identity if output == 0 else f"{identity}#{output}"


def explain(old: bytes, new: bytes) -> list[str]:
    """Where two preimages differ, one line each: ``work.op.meta.args.2: "make" -> "make all"``. Empty if they do
    not.
    """
    return [
        f"{where}: {before} -> {after}" for where, before, after in _differences("", json.loads(old), json.loads(new))
    ]


_ABSENT = object()


def _show(thing: object) -> str:
    return "absent" if thing is _ABSENT else json.dumps(thing)


def _differences(where: str, old: object, new: object) -> Iterator[tuple[str, str, str]]:
    if isinstance(old, list) and isinstance(new, list):
        old, new = dict(enumerate(old)), dict(enumerate(new))
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(n for n in new if n not in old)]:
            yield from _differences(f"{where}.{name}".lstrip("."), old.get(name, _ABSENT), new.get(name, _ABSENT))
    elif old != new:
        yield where, _show(old), _show(new)
