"""COPY: from one tree into a draft, with the semantics of BuildKit's ``fsutil/copy``.

- A directory's contents go into the destination, which is made (0755, the owner of ``--chown``) if it is missing. If
it exists
  it keeps mode and owner; its time becomes the source's. Directories below it are merged and take the source's mode
  and owner.
- A file goes to the destination path or, if that is a directory, into it.
- Links on the destination's path are followed inside the root of the tree below; a link *at* the place of a file is
replaced.
- A file never replaces a directory, nor a directory a file, unless ``always_replace`` says so.
"""

from __future__ import annotations

from scow import errors
from scow.build import chmod
from scow.build.draft import Draft, Item
from scow.build.files import Info, clean, join, resolve, split
from scow.build.selectors import Selector, below, filter_of, pick

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scow.build.files import Files
    from scow.build.jobs import Cancel
    from scow.build.ops import Copy
    from scow.build.selectors import Pick

    Unpack = Callable[[Files, Pick, "Copier"], bool]


def selector_of(copy: Copy) -> Selector:
    """What a copy reads of its source."""
    return Selector(
        copy.src, copy.follow_symlinks, copy.wildcard, copy.contents, copy.parents, copy.exclude, copy.include
    )


def make_directories(draft: Draft, path: str, template: Info) -> None:
    """``mkdir -p`` of a real path; what is missing gets the metadata of ``template``."""
    missing = []
    while path:
        there = draft.find(path)
        if there is not None:
            if there.kind != "dir":
                raise errors.Invalid(f"mkdir /{path}: not a directory")
            break
        missing.append(path)
        path = split(path)[0]
    for new in reversed(missing):
        draft.mkdir(template._replace(path=new, kind="dir"))


class Copier:
    """One COPY into ``draft``. ``owner``: (uid, gid) of everything, None for the source's."""

    def __init__(self, source: Files, draft: Draft, copy: Copy, owner: tuple[int, int] | None, cancel: Cancel) -> None:
        self.source = source
        self.draft = draft
        self.copy = copy
        self.owner = owner
        self._cancel = cancel
        self._mode = chmod.parse(copy.mode) if copy.mode else None
        self._existing: dict[str, Mapping[str, Info]] = {}
        self._links = object()

    def run(self, unpack: Unpack | None = None) -> None:
        """Copy all that the source pattern names."""
        if not self.copy.create_dest and self.draft.find(split(resolve(self.draft, clean(self.copy.dest)))[0]) is None:
            raise errors.Invalid(f"failed to stat {self.copy.dest}: no such file or directory")
        picked = pick(self.source, selector_of(self.copy))
        if not picked and not self.copy.allow_empty_wildcard:
            raise errors.NotFound(f"{self.copy.src} not found")
        for one in picked:
            if not (unpack and self.copy.unpack and one.info.kind == "file" and unpack(self.source, one, self)):
                self._copy(one)

    def made(self, like: Info) -> Info:
        """Metadata of a directory that is made on the way: 0755, root's or the new owner's, as old as what goes into
        it.
        """
        uid, gid = self.owner or (0, 0)
        mode = chmod.fixed(self.copy.mode) if self.copy.mode else None
        return Info("", "dir", 0o755 if mode is None else mode, uid, gid, 0, self._time(like))

    def destination(self, like: Info) -> str:
        """The real path of the destination, its directories made."""
        dest = self.copy.dest
        directory = dest if dest.endswith("/") or dest in ("", ".") else split(dest.rstrip("/"))[0]
        if split(dest)[1] == ".":
            directory = dest
        make_directories(self.draft, resolve(self.draft, directory), self.made(like))
        return resolve(self.draft, dest)

    def _copy(self, picked: Pick) -> None:
        info = picked.info
        self._existing.clear()
        self._links = object()  # hard links are kept within one source
        target = self.destination(info)
        if self.copy.parents:
            return self._with_parents(picked, target)
        there = self.draft.find(target)
        into = there is not None and there.kind == "dir" if info.kind != "dir" else there and not self.copy.contents
        if into:
            target = join(target, picked.name)
        if info.kind == "dir":
            self._directory(info, target)
        else:
            make_directories(self.draft, split(target)[0], self.made(info))
            self._one(info, target)
        return None

    def _with_parents(self, picked: Pick, target: str) -> None:
        make_directories(self.draft, target, self.made(picked.info))
        base = len(picked.path) - len(picked.name)
        for path in picked.above:
            above = self.source.find(path)
            assert above is not None
            self._one(above, join(target, path[base:]), keep=True)
        place = join(target, picked.name)
        if picked.info.kind == "dir":
            self._one(picked.info, place, keep=True)
            self._contents(picked.info, place)
        else:
            self._one(picked.info, place)

    def _directory(self, info: Info, target: str) -> None:
        """The contents of a directory: the destination keeps what it is, but for its time."""
        there = self.draft.find(target)
        if there is not None and there.kind != "dir":
            if not self.copy.always_replace:
                raise errors.Invalid(f"cannot copy to non-directory: /{target}")
            self.draft.remove(target)
            there = None
        if there is None:
            make_directories(self.draft, target, self.made(info))
            if not self.copy.contents:
                self.draft.put(Item(self._info(info, target)))
        elif target:
            item = self.draft.items.get(target)
            self.draft.put(Item(there._replace(mtime=self._time(info)), None, item.opaque if item else False))
        self._contents(info, target)

    def _contents(self, info: Info, target: str) -> None:
        cut = len(info.path) + 1 if info.path else 0
        for number, child in enumerate(below(self.source, info, filter_of(self.copy.include, self.copy.exclude))):
            if number & 1023 == 0:
                self._cancel.check()
            self._one(child, join(target, child.path[cut:]))

    def _one(self, info: Info, target: str, *, keep: bool = False) -> None:
        """One file or directory at its place; ``keep``: a directory that exists is left as it is."""
        directory, name = split(target)
        if name.startswith(".wh."):
            raise errors.Invalid(f"/{target}: a name that begins with .wh. marks a deleted file in a layer")
        existing = self._existing.get(directory)
        if existing is None:
            existing = self._existing[directory] = self.draft.entries(directory)
        there = existing.get(name)
        opaque = False
        if info.kind == "dir":
            if there is not None and there.kind == "dir":
                if keep:
                    return
                item = self.draft.items.get(target)
                opaque = item.opaque if item else False
            elif there is not None:
                self._replace(target, f"cannot copy to non-directory: /{target}")
                opaque = False
            elif target not in self.draft.items:
                self.draft.put(Item(self._info(info, target)))
                return
            else:
                self.draft.mkdir(self._info(info, target))
                return
            self.draft.put(Item(self._info(info, target), None, opaque))
            return
        if there is not None and there.kind == "dir":
            self._replace(target, f"cannot replace to directory /{target} with file")
        self.draft.put(Item(self._info(info, target), (self.source, info)))

    def _replace(self, target: str, why: str) -> None:
        if not self.copy.always_replace:
            raise errors.Invalid(why)
        self.draft.remove(target)
        self._existing.clear()

    def _info(self, info: Info, target: str) -> Info:
        _, kind, mode, uid, gid, size, mtime, link, inode, rdev, xattrs, _ = info
        if self.owner is not None:
            uid, gid = self.owner
            if kind == "file" and mode & 0o6000:
                mode &= 0o1777  # as chown(2) does
        if self._mode is not None and kind != "symlink":
            mode = self._mode(mode, kind == "dir")
        if self.copy.timestamp is not None:
            mtime = self.copy.timestamp
        if inode is not None:
            inode = (self._links, inode)
        return Info(target, kind, mode, uid, gid, size, mtime, link, inode, rdev, xattrs, None)

    def _time(self, like: Info) -> int:
        return like.mtime if self.copy.timestamp is None else self.copy.timestamp
