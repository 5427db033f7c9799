"""COPY and ADD: files from the context, a stage, an image, the web, or the Dockerfile itself."""

from __future__ import annotations

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.heredoc import Heredoc, announced
from scow.build.dockerfile.instructions.flags import LIST, SWITCH, TEXT
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.build.dockerfile.instructions.base import Origin, Request, Word


@value
class Transfer:
    """What COPY and ADD share: where from, where to, as whom. ``contents`` are heredocs: files made here."""

    sources: tuple[str, ...]
    contents: tuple[Heredoc, ...]
    dest: str
    chown: str = ""
    chmod: str = ""
    link: bool = False
    exclude: tuple[str, ...] = ()

    def expand(self, word: Word) -> Transfer:
        """Owner, mode and paths are expanded; ``exclude`` is not."""
        sources = tuple(word(s) for s in self.sources)
        return replace(self, sources=sources, dest=word(self.dest), chown=word(self.chown), chmod=word(self.chmod))

    def expand_contents(self, word: Callable[[str], str]) -> Transfer:
        """Heredocs whose name was not quoted are expanded (quotes inside them are plain text)."""
        return replace(
            self, contents=tuple(replace(c, content=word(c.content)) if c.expand else c for c in self.contents)
        )


@value
class Copy:
    """COPY. ``source`` is ``--from``: a stage, an image, a named context; "" is the build context."""

    origin: Origin
    files: Transfer
    source: str = ""
    parents: bool = False

    def expand(self, word: Word) -> Copy:
        """See ``Transfer.expand``; ``--from`` is not expanded."""
        return replace(self, files=self.files.expand(word))


@value
class Add:
    """ADD; ``keep_git`` and ``unpack`` are None when the flag was not given."""

    origin: Origin
    files: Transfer
    checksum: str = ""
    keep_git: bool | None = None
    unpack: bool | None = None

    def expand(self, word: Word) -> Add:
        """See ``Transfer.expand``; the checksum as well."""
        return replace(self, files=self.files.expand(word), checksum=word(self.checksum))


def _transfer(request: Request, name: str) -> Transfer:
    *sources, dest = request.args
    if announced(dest):
        raise DockerfileError(f"{name} cannot accept a heredoc as a destination", near=dest)
    by_name = {doc.name: doc for doc in request.heredocs}
    docs = [(source, announced(source)) for source in sources]
    contents = tuple(
        replace(doc, content=by_name[doc.name].text if doc.name in by_name else "", chomp=False)
        for _, doc in docs
        if doc
    )
    return Transfer(tuple(s for s, doc in docs if not doc), contents, dest)


def _destined(request: Request, name: str) -> None:
    if len(request.args) < 2:
        raise DockerfileError(
            f"{name} requires at least two arguments, but only one was provided. Destination could not be determined"
        )


def parse_copy(request: Request) -> Copy:
    """COPY."""
    _destined(request, "COPY")
    spec = {"from": TEXT, "chown": TEXT, "chmod": TEXT, "link": SWITCH, "exclude": LIST, "parents": SWITCH}
    flags = request.flags(**spec)
    files = replace(
        _transfer(request, "COPY"),
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=flags.on("link") or False,
        exclude=flags.all("exclude"),
    )
    return Copy(request.origin, files, flags.text("from"), flags.on("parents") or False)


def parse_add(request: Request) -> Add:
    """ADD."""
    _destined(request, "ADD")
    flags = request.flags(
        chown=TEXT, chmod=TEXT, link=SWITCH, exclude=LIST, keep_git_dir=SWITCH, checksum=TEXT, unpack=SWITCH
    )
    files = replace(
        _transfer(request, "ADD"),
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=flags.on("link") or False,
        exclude=flags.all("exclude"),
    )
    return Add(request.origin, files, flags.text("checksum"), flags.on("keep-git-dir"), flags.on("unpack"))
