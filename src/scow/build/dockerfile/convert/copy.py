"""COPY and ADD: files from the context, stages, images, the web, git, and the Dockerfile itself."""

from __future__ import annotations

from scow.build.dockerfile import gofmt, rules
from scow.build.dockerfile.convert.draft import Change, Draft, file_draft, inline_file
from scow.build.dockerfile.convert.git import GitRef, git_draft, git_ref, is_git
from scow.build.dockerfile.convert.job import cannot_reach
from scow.build.dockerfile.convert.names import numbered, shown
from scow.build.dockerfile.convert.owner import mode_of, owner_of
from scow.build.dockerfile.convert.paths import absolute, in_directory
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.files import Add
from scow.build.graph import Hints
from scow.build.ignore_pattern import clean
from scow.build.ops import NONE, Attr, MergeOp, SourceOp
from scow.build.ops import Copy as CopyAction
from scow.errors import Invalid
from scow.oci.digest import Digest
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.convert.state import State, Step
    from scow.build.dockerfile.instructions.files import Copy


def copy(job: Job, state: State, step: Step, command: Copy | Add) -> None:
    """COPY or ADD, already expanded."""
    made = _Transfer(job, state, step, command)
    changes = [*made.from_paths(), *made.from_contents()]
    made.append(changes)
    state.image.commit(made.history(), layer=True, command=True, epoch=job.epoch)


def is_http(text: str) -> bool:
    """Is ``text`` the address of a file on the web (and no git repository)?"""
    return text.startswith(("http://", "https://")) and not is_git(text)


class _Transfer:
    def __init__(self, job: Job, state: State, step: Step, command: Copy | Add) -> None:
        self.job, self.state, self.command = job, state, command
        self.add = command if isinstance(command, Add) else None
        self.files = command.files.expand_contents(job.inline_word(state, command.origin))
        self.source = _source_state(state, step, command)
        self.dest = in_directory(state.cwd, self.files.dest)
        self.linked = self.files.link and not self.files.chmod
        base = NONE if self.linked or state.draft is None else 0
        self.form = CopyAction(
            "",
            self.dest,
            owner=owner_of(self.files.chown, base),
            mode=mode_of(self.files.chmod),
            exclude=self.files.exclude,
            follow_symlinks=False,
            contents=False,
            wildcard=False,
            allow_empty_wildcard=False,
        )
        self._check_checksum()
        code = shown(command.origin.code, state.env, job.style)
        self.name = numbered(state, code, state.env, platform=job.options.multi_platform)

    def _check_checksum(self) -> None:
        if self.add is None or not self.add.checksum:
            return
        if len(self.files.sources) != 1:
            raise DockerfileError("checksum can't be specified for multiple sources", near="--checksum")
        if not is_http(self.files.sources[0]) and not is_git(self.files.sources[0]):
            raise DockerfileError("checksum requires HTTP(S) or Git sources", near="--checksum")

    def from_paths(self) -> list[Change]:
        return [self._from(source) for source in self.files.sources]

    def _from(self, source: str) -> Change:
        if is_git(source):
            if self.add is None:
                raise DockerfileError("source can't be a git ref for COPY", near=source, hint="use ADD")
            return self._from_git(git_ref(source), self.add)
        if is_http(source):
            if self.add is None:
                raise DockerfileError("source can't be a URL for COPY", near=source, hint="use ADD")
            return self._from_web(source, self.add)
        return self._from_tree(source)

    def _from_git(self, ref: GitRef, add: Add) -> Change:
        if None not in (add.keep_git, ref.keep_git) and add.keep_git != ref.keep_git:
            raise DockerfileError("inconsistent keep-git-dir configuration", near="--keep-git-dir")
        if add.checksum and ref.checksum not in ("", add.checksum):
            given, found = gofmt.quote(add.checksum), gofmt.quote(ref.checksum)
            raise DockerfileError(f"checksum mismatch {given} != {found}", near="--checksum")
        keep = add.keep_git if ref.keep_git is None else ref.keep_git
        ref = replace(ref, keep_git=keep, checksum=ref.checksum or add.checksum)
        return Change(replace(self.form, src="/", contents=True), git_draft(ref, Hints(self.name)))

    def _from_web(self, url: str, add: Add) -> Change:
        from urllib.parse import unquote, urlsplit

        try:
            name = clean(unquote(urlsplit(url).path) or ".").rpartition("/")[2]
        except ValueError:
            raise DockerfileError(f"invalid URL: {url}", near=url) from None
        name = name if name not in ("", ".", "..") and "\0" not in name else "__unnamed__"
        attrs = {Attr.FILENAME: name}
        if add.checksum:
            try:
                attrs[Attr.CHECKSUM] = str(Digest.parse(add.checksum))
            except Invalid as fault:
                words = str(fault).removesuffix(f": {add.checksum}")
                raise DockerfileError(words, near=add.checksum) from None
        draft = Draft(SourceOp(url, tuple(sorted(attrs.items()))), (), Hints(self.name))
        return Change(replace(self.form, src=f"/{name}", unpack=add.unpack or False), draft)

    def _from_tree(self, source: str) -> Change:
        """From the context or another stage: links are followed, directories give their contents."""
        self._check_ignored(source)
        parents = self.add is None and getattr(self.command, "parents", False)
        unpack = False if self.add is None else self.add.unpack in (None, True)
        if self.source is None:
            self.state.context_paths.add(_wanted(source, parents=parents))
        else:
            self.source.paths.add(_wanted(source, parents=parents))
        action = replace(
            self.form,
            src=_pivoted(source) if parents else absolute(source),
            follow_symlinks=True,
            contents=True,
            wildcard=True,
            allow_empty_wildcard=True,
            unpack=unpack,
            parents=parents,
        )
        return Change(action, self.source.draft if self.source else self.job.context)

    def _check_ignored(self, source: str) -> None:
        """A source that the ignore file leaves out will not be found; with exceptions in it nobody can tell."""
        ignore = self.job.ignore
        if self.source is not None or not ignore.patterns or ignore.has_exceptions:
            return
        path = clean(source)
        everything = any(p.text in ("*", "**", "**/*") for p in ignore.patterns)
        if ignore.ignores(path.lstrip("/")) if path not in (".", "/") else everything:
            verb = "Add" if self.add else "Copy"
            words = f"Attempting to {verb} file {gofmt.quote(path)} that is excluded by .dockerignore"
            self.job.lint.report(rules.COPY_IGNORED_FILE, self.command.origin, words)

    def from_contents(self) -> list[Change]:
        changes = []
        for doc in self.files.contents:
            path = absolute(doc.name)
            draft = inline_file(path, doc.content.encode("utf-8", "surrogateescape"), 0o644)
            changes.append(Change(replace(self.form, src=path), draft))
        return changes

    def append(self, changes: list[Change]) -> None:
        """Put the files on top of the stage; with ``--link`` as a layer of their own."""
        state, origin = self.state, self.command.origin
        if not changes:
            return
        if not self.linked:
            state.draft = file_draft(state.draft, changes, self.job.hints(state, origin, self.name))
            return
        hints = self.job.hints(state, origin, self.name, group=self.name)
        layer = file_draft(None, changes, hints)
        if state.draft is None:
            state.draft = layer
            return
        place, bracket, words = self.name.partition("] ")
        merged = replace(hints, name=f"{place}{bracket}LINK {words}" if bracket else f"LINK {self.name}")
        state.draft = Draft(MergeOp((0, 1)), (state.draft, layer), merged)

    def history(self) -> str:
        words = ["COPY" if self.add is None else "ADD"]
        words += ["--parents"] if getattr(self.command, "parents", False) else []
        words += [f"--chown={self.files.chown}"] if self.files.chown else []
        words += [f"--chmod={self.files.chmod}"] if self.files.chmod else []
        return " ".join([*words, *self.files.sources, *(f"<<{c.name}" for c in self.files.contents), self.files.dest])


def _source_state(state: State, step: Step, command: Copy | Add) -> State | None:
    if not step.sources:
        return None
    source = step.sources[0]
    if not source.dispatched:
        name = getattr(command, "source", "")
        shown_name, label = gofmt.quote(name), gofmt.quote(state.label)
        words = f"cannot copy from stage {shown_name}, it needs to be defined before current stage {label}"
        raise cannot_reach(words)
    return source


def _pivoted(source: str) -> str:
    """``--parents``: the source with its ``/./`` kept."""
    ahead, pivot, behind = source.partition("/./")
    return f"{absolute(ahead).rstrip('/')}/./{absolute(behind)[1:]}" if pivot else absolute(source)


def _wanted(source: str, *, parents: bool) -> str:
    """The path a context has to send. Wildcards in it are followed by the sender, but not ``**``."""
    path = absolute(source)
    if parents and "**" in path:
        kept = []
        for part in path.split("/"):
            if "**" in part:
                break
            kept.append(part)
        return "/".join(kept) or "/"
    return path
