"""What a COPY reads: which files of a tree, and the digest of their content (BuildKit's ``cache/contenthash``).

The digest is over names, kinds, permission bits, owners, link texts, device numbers, extended attributes and file
digests. Times are not in it: a file that was only touched is the same content.
"""

from __future__ import annotations

import functools
import hashlib
import os

from scow import errors
from scow.build.files import lookup, resolve, split
from scow.build.ignore import ROOT as EVERYTHING
from scow.build.ignore import Ignore
from scow.build.keys import Content
from scow.build.wildcards import has_wildcard, matches
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from scow.build.files import Files, Info
    from scow.build.ignore import Verdict

MAX_PARTS = 200
"""Beyond so many topmost names a key does not list them."""


@value
class Selector:
    """The part of a tree that is read; fields as in ``ops.Copy``."""

    path: str
    follow: bool = True
    wildcard: bool = False
    contents: bool = True
    parents: bool = False
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    optional: bool = False
    """A path that is missing has a digest, too (``/etc/passwd`` of ``--chown``)."""


@value
class Pick:
    """One source that a selector found: ``path`` is the real path, ``name`` what it is called at the destination,
    ``above`` the directories of ``--parents`` that are made around it (real paths, topmost first).
    """

    path: str
    name: str
    info: Info
    above: tuple[str, ...] = ()


def pick(files: Files, selector: Selector) -> list[Pick]:
    """The sources of a selector. NotFound in BuildKit's words if a plain path or a wildcard names nothing."""
    if selector.parents:
        return _with_parents(files, selector)
    names = [selector.path]
    if selector.wildcard and has_wildcard(selector.path):
        names = matches(files, selector.path, follow=selector.follow)
    picked = []
    for name in names:
        info = lookup(files, name, follow=selector.follow)
        if info is not None:
            picked.append(Pick(info.path, split(name.rstrip("/"))[1], info))
        elif not selector.optional:
            raise missing(name)
    return picked


def missing(path: str) -> errors.NotFound:
    """BuildKit's words for a source that is not there."""
    return errors.NotFound(
        f'failed to compute cache key: failed to calculate checksum: "/{path.strip("/")}": not found',
        hint="check the path and whether .dockerignore leaves it out",
    )


def _with_parents(files: Files, selector: Selector) -> list[Pick]:
    """``COPY --parents``: paths keep their directories, from behind ``/./`` if there is one, else from the root."""
    before, pivot, after = selector.path.partition("/./")
    base = resolve(files, before) if pivot else ""
    pattern = after if pivot else before
    prefix = f"{base}/" if base else ""
    found = matches(files, prefix + pattern, follow=False, deep=True) if selector.wildcard else [prefix + pattern]
    picked = []
    for path in found:
        info = lookup(files, path, follow=False)
        if info is None:
            raise missing(path)
        parts = info.path.removeprefix(prefix).split("/")
        above = tuple(prefix + "/".join(parts[:n]) for n in range(1, len(parts)))
        picked.append(Pick(info.path, "/".join(parts), info, above))
    return picked


@functools.lru_cache(maxsize=64)
def filter_of(include: tuple[str, ...], exclude: tuple[str, ...]) -> Ignore | None:
    """``--exclude`` and include patterns as one set of rules; None if nothing is left out."""
    if include:
        return Ignore(["**", *(f"!{p}" for p in include), *exclude])
    return Ignore(exclude) if exclude else None


def below(files: Files, top: Info, rules: Ignore | None) -> list[Info]:
    """What is below a directory and not left out by ``rules`` (relative to it): parents first, names in byte order."""
    found: list[Info] = []
    cut = len(top.path) + 1 if top.path else 0
    stack: list[tuple[Info, Verdict]] = [(top, EVERYTHING)]
    while stack:
        info, verdict = stack.pop()
        if info is not top:
            found.append(info)
        if info.kind != "dir" or (rules and info is not top and rules.prunes(info.path[cut:], verdict)):
            continue
        inside = files.entries(info.path)
        for name in sorted(inside, key=os.fsencode, reverse=True):
            child = inside[name]
            its = rules.verdict(child.path[cut:], verdict) if rules else verdict
            if not its.ignored or (child.kind == "dir" and rules and not rules.prunes(child.path[cut:], its)):
                stack.append((child, its))
    return found if rules is None else _without_empty(found, rules, cut)


def _without_empty(found: list[Info], rules: Ignore, cut: int) -> list[Info]:
    """Drop directories that are left out themselves and have nothing in them that is not."""
    kept: list[Info] = []
    needed: set[str] = set()
    verdicts: dict[str, Verdict] = {"": EVERYTHING}
    for info in found:
        name = info.path[cut:]
        verdicts[name] = rules.verdict(name, verdicts[split(name)[0]])
    for info in reversed(found):
        name = info.path[cut:]
        if not verdicts[name].ignored or name in needed:
            kept.append(info)
            needed.add(split(name)[0])
    return kept[::-1]


def content(files: Files, selectors: Iterable[Selector]) -> Content:
    """The digest of all that some selectors read."""
    parts: list[tuple[str, str]] = []
    for selector in selectors:
        for picked in pick(files, selector):
            parts.extend(_parts(files, selector, picked))
    whole = hashlib.sha256("\n".join(f"{n}\0{d}" for n, d in parts).encode("utf-8", "surrogateescape")).hexdigest()
    return Content(whole, tuple(parts) if len(parts) <= MAX_PARTS else ())


def _parts(files: Files, selector: Selector, picked: Pick) -> list[tuple[str, str]]:
    """A digest for the source itself and for each name directly in it."""
    rows = [(path, _line(files, files.find(path), "")) for path in picked.above]
    top = picked.info
    if top.kind != "dir":
        return [*rows, (picked.name, _line(files, top, ""))]
    head = "" if selector.contents and not selector.parents else _line(files, top, "")
    rows.append((picked.name or ".", head or "dir"))
    cut = len(top.path) + 1 if top.path else 0
    found = below(files, top, filter_of(selector.include, selector.exclude))
    groups: dict[str, list[str]] = {}
    for info in found:
        rest = info.path[cut:]
        groups.setdefault(rest.partition("/")[0], []).append(_line(files, info, rest))
    for name, lines in groups.items():
        digest = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
        rows.append((f"{picked.name}/{name}".lstrip("/"), digest))
    return rows


def _line(files: Files, info: Info | None, name: str) -> str:
    if info is None:
        return "missing"
    _, kind, mode, uid, gid, _, _, link, _, rdev, xattrs, _ = info
    if kind == "file":
        link = files.digest(info)
    extra = "".join(f"\0{k.hex()}={v.hex()}" for k, v in sorted(xattrs.items())) if xattrs else ""
    if kind in ("char", "block"):
        extra += f"\0{rdev[0]}:{rdev[1]}"
    return f"{name}\0{kind}\0{mode:o}\0{uid}:{gid}\0{link}{extra}"
