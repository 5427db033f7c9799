"""FileOp: COPY, ADD, WORKDIR and heredoc files, written straight into a layer's tar; nothing is unpacked on the way."""

from __future__ import annotations

from scow import errors
from scow.build import owners
from scow.build.copying import Copier, make_directories, selector_of
from scow.build.draft import Draft, Empty, Item
from scow.build.files import Info, clean, resolve, split
from scow.build.graph import plain
from scow.build.keys import CacheMap, InputKey
from scow.build.ops import NONE, Copy, FileAction, FileOp, MkDir, MkFile, Rm, Symlink
from scow.build.results import SCRATCH, Stack
from scow.build.selectors import Selector, content
from scow.build.wildcards import has_wildcard, matches
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scow.build.files import Files
    from scow.build.graph import Vertex
    from scow.build.jobs import Job
    from scow.build.keys import Content
    from scow.build.ops import Owner, User
    from scow.build.results import Result
    from scow.build.world import World


class FileRunner:
    """Runs FileOps on layers of ``world``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def cache_map(self, vertex: Vertex, job: Job) -> CacheMap:  # noqa: ARG002
        """Trees that are only copied from count by content, those that are changed by identity, as in BuildKit."""
        op = vertex.op
        assert isinstance(op, FileOp)
        count = len(vertex.inputs)
        changed = {a.input for a in op.actions}
        read: dict[int, list[Selector]] = {n: [] for n in range(count)}
        for action in op.actions:
            if isinstance(action.action, Copy) and 0 <= action.source < count:
                read[action.source].append(selector_of(action.action))
            for user, file in _named(getattr(action.action, "owner", None)):
                if 0 <= user.input < count:
                    read[user.input].append(Selector(file, optional=True))
        keys = tuple(
            InputKey("", self._content(tuple(read[n])) if n not in changed and read[n] else None) for n in range(count)
        )
        base = {"op": plain(replace(op, actions=tuple(_keyed(a, count) for a in op.actions))), "v": 1}
        return CacheMap({**base, **self._world.epoch_key()}, keys)

    def _content(self, selectors: tuple[Selector, ...]) -> Callable[[Result], Content]:
        def digest(result: Result) -> Content:
            with self._world.tree(result) as files:
                return content(files, selectors)

        return digest

    def run(self, vertex: Vertex, inputs: Sequence[Result], job: Job) -> Sequence[Result]:
        """Draft all actions, then write the layers of those that are outputs."""
        op = vertex.op
        assert isinstance(op, FileOp)
        work = _Work(self._world, inputs, op, job)
        try:
            for number in range(len(op.actions)):
                work.act(number)
            return work.outputs()
        finally:
            work.close()


class _Work:
    """One FileOp under way."""

    def __init__(self, world: World, inputs: Sequence[Result], op: FileOp, job: Job) -> None:
        from contextlib import ExitStack

        self._world = world
        self._inputs = inputs
        self._op = op
        self._job = job
        self._exit = ExitStack()
        self._trees: dict[int, Files] = {}
        self._drafts: dict[int, Draft] = {}
        """By action; a draft that is changed on and never read again is handed over, not copied."""
        self._bases: dict[int, Stack] = {}
        self._now = world.now()
        started = [a.input for a in op.actions] + [a.source for a in op.actions]
        self._uses = {n: started.count(n) for n in set(started)}

    def close(self) -> None:
        self._exit.close()

    def _tree(self, index: int) -> Files:
        """An input, or the result of an earlier action, as a tree."""
        if index == NONE:
            return Empty()
        if index >= len(self._inputs):
            return self._drafts[index - len(self._inputs)]
        if index not in self._trees:
            self._trees[index] = self._exit.enter_context(self._world.tree(self._inputs[index]))
        return self._trees[index]

    def _draft(self, action: FileAction) -> tuple[Draft, Stack]:
        index = action.input
        earlier = index - len(self._inputs)
        if index == NONE:
            return Draft(Empty()), SCRATCH
        if earlier < 0:
            stack = self._inputs[index]
            if not isinstance(stack, Stack):
                raise errors.Unsupported("a build context cannot be changed in place: copy from it")
            return Draft(self._tree(index)), stack
        draft = self._drafts[earlier]
        if self._uses.get(index, 0) > 1 or self._op.actions[earlier].output != NONE:
            draft = draft.fork()
        return draft, self._bases[earlier]

    def act(self, number: int) -> None:
        """Draft one action."""
        action = self._op.actions[number]
        self._job.cancel.check()
        draft, base = self._draft(action)
        what = action.action
        owner = owners.resolve(getattr(what, "owner", None), self._tree)
        match what:
            case Copy():
                copier = Copier(self._tree(action.source), draft, what, owner, self._job.cancel)
                copier.run(self._world.unpacker() if what.unpack else None)
            case MkDir():
                self._mkdir(draft, what, owner or (0, 0))
            case MkFile():
                self._put(draft, what, self._made(what, "file", owner, what.mode, len(what.data)), what.data)
            case Symlink():
                info = self._made(what, "symlink", owner, 0o777, 0)._replace(link=what.target)
                self._put(draft, what, info, None)
            case Rm():
                _remove(draft, what)
        self._drafts[number] = draft
        self._bases[number] = base

    def _made(
        self, what: MkFile | MkDir | Symlink, kind: str, owner: tuple[int, int] | None, mode: int, size: int
    ) -> Info:
        uid, gid = owner or (0, 0)
        mtime = self._now if what.timestamp is None else what.timestamp
        return Info("", kind, mode & 0o7777, uid, gid, size, mtime)

    def _mkdir(self, draft: Draft, what: MkDir, owner: tuple[int, int]) -> None:
        path = resolve(draft, what.path)
        there = draft.find(path)
        if there is not None:
            if there.kind != "dir":
                raise errors.Invalid(f"mkdir {what.path}: not a directory")
            return
        if not what.parents and draft.find(split(path)[0]) is None:
            raise errors.NotFound(f"mkdir {what.path}: no such file or directory")
        make_directories(draft, path, self._made(what, "dir", owner, what.mode, 0))

    def _put(self, draft: Draft, what: MkFile | Symlink, info: Info, data: bytes | None) -> None:
        """A file (written through a link that is there) or a link (in place of whatever file is there)."""
        path = resolve(draft, what.path, follow=info.kind == "file")
        there = draft.find(path)
        if there is not None and there.kind == "dir":
            raise errors.Invalid(f"open {what.path}: is a directory")
        if draft.find(split(path)[0]) is None:
            raise errors.NotFound(f"open {what.path}: no such file or directory")
        draft.put(Item(info._replace(path=path), data))

    def outputs(self) -> list[Result]:
        """Write the layers, by output."""
        numbers = {a.output: n for n, a in enumerate(self._op.actions) if a.output != NONE}
        if sorted(numbers) != list(range(len(numbers))) or not numbers:
            raise errors.Invalid("a file op's outputs must be numbered from 0")
        return [
            self._bases[n].push(self._world.write_layer(self._drafts[n], self._job.cancel))
            for _, n in sorted(numbers.items())
        ]


def _remove(draft: Draft, what: Rm) -> None:
    paths = [clean(what.path)]
    if what.wildcard and has_wildcard(what.path):
        paths = matches(draft, what.path, follow=False)
    for path in paths:
        real = resolve(draft, path, follow=False)
        if not real:
            raise errors.Invalid("rm: the root cannot be removed")
        if draft.find(real) is None:
            if not what.allow_missing:
                raise errors.NotFound(f"rm {what.path}: no such file or directory")
            continue
        draft.remove(real)


def _named(owner: Owner | None) -> list[tuple[User, str]]:
    """Users and groups that are looked up, with the file they are looked up in."""
    if owner is None:
        return []
    both = ((owner.user, "/etc/passwd"), (owner.group, "/etc/group"))
    return [(user, file) for user, file in both if user is not None and user.name]


def _keyed(action: FileAction, inputs: int) -> FileAction:
    """The action as the key has it: where a source lay before its last name does not matter, its content is in the
    key.
    """
    what = action.action
    if isinstance(what, Copy) and 0 <= action.source < inputs and not what.parents:
        return replace(action, action=replace(what, src=split(what.src.rstrip("/"))[1]))
    return action
