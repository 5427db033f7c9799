"""One conversion: what all stages share."""

from __future__ import annotations

from scow.build.dockerfile import gofmt, rules
from scow.build.dockerfile.convert.draft import Draft
from scow.build.dockerfile.convert.paths import needed
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.shell import Style, expand
from scow.build.dockerfile.suggest import nearest
from scow.build.graph import Hints, Lines, SourceFile, canonical
from scow.build.ignore import Ignore
from scow.build.ops import Attr, SourceOp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.build.dockerfile.convert.state import State
    from scow.build.dockerfile.instructions.base import Origin
    from scow.build.dockerfile.linter import Linter
    from scow.build.dockerfile.options import Options, Resolve
    from scow.build.dockerfile.parser import Dockerfile
    from scow.oci.platform import Platform

HIDDEN_ARGS = ("BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE")
"""Arguments that are never variables of a RUN."""
_INLINE = Style(plain_quotes=True)


class Job:
    """What a conversion is given and what its stages add to."""

    def __init__(self, dockerfile: Dockerfile, options: Options, resolve: Resolve, lint: Linter) -> None:
        self.dockerfile, self.options, self.resolve, self.lint = dockerfile, options, resolve, lint
        self.style = Style(dockerfile.escape)
        self.global_args: dict[str, str] = {}
        self.epoch: int | None = None
        self.build_platform: Platform
        self.target_platform: Platform
        self.states: list[State] = []
        self.context_paths: set[str] = set()
        self.context = Draft.of(options.context) if options.context else self._local_context()
        self.ignore = Ignore(options.ignore)
        self.file = SourceFile(dockerfile.source.filename, dockerfile.source.data)

    def _local_context(self) -> Draft:
        return local_draft(
            "context", self.options.ignore, "context", lambda: self.context_paths, "[internal] load build context"
        )

    def hints(self, state: State, origin: Origin, name: str, group: str = "") -> Hints:
        """What progress and errors show of an instruction's work."""
        lines = (Lines(origin.at.start, origin.at.end),)
        return Hints(name, state.no_cache, lines, self.file, state.label, group)

    def word(self, state: State, origin: Origin) -> Callable[[str], str]:
        """Expands words with the stage's variables, and reports those that are not set."""
        return lambda text: self.expanded(state, origin, text, self.style)

    def inline_word(self, state: State, origin: Origin) -> Callable[[str], str]:
        """The same for the text of heredocs, where quotes are plain and the escape is always a backslash."""
        return lambda text: self.expanded(state, origin, text, _INLINE)

    def expanded(self, state: State, origin: Origin, text: str, style: Style) -> str:
        """``text`` with the stage's variables."""
        result = expand(text, state.env, style)
        declared = {v.key for v in state.variables}
        for name in result.unmatched:
            if name not in declared and name not in HIDDEN_ARGS:
                match = nearest(name, state.env)
                words = f"Usage of undefined variable '${name}'" + (f" (did you mean ${match}?)" if match else "")
                self.lint.report(rules.UNDEFINED_VAR, origin, words)
        return result.text


def local_draft(name: str, ignore: tuple[str, ...], shared: str, paths: Callable[[], set[str]], shown: str) -> Draft:
    """A directory of the client; ``paths`` (asked at the end) are all that is wanted of it."""

    def op() -> SourceOp:
        attrs = {Attr.SHARED_KEY: shared}
        if ignore:
            attrs[Attr.EXCLUDE] = canonical(list(ignore)).decode()
        if found := needed(paths()):
            attrs[Attr.FOLLOW] = canonical(found).decode()
        return SourceOp(f"local://{name}", tuple(sorted(attrs.items())))

    return Draft(op, hints=Hints(shown))


def check_secret_name(job: Job, instruction: str, key: str, origin: Origin) -> None:
    """Report an argument or variable whose name says that its value is a secret."""
    words = set(key.lower().split("_"))
    if words & _SECRET and not words & _HARMLESS:
        shown = gofmt.quote(key)
        message = f"Do not use ARG or ENV instructions for sensitive data ({instruction} {shown})"
        job.lint.report(rules.SECRETS_IN_ARG_OR_ENV, origin, message)


_SECRET = frozenset("apikey auth credential credentials key password pword passwd secret token".split())
_HARMLESS = frozenset("public file version".split())


def cannot_reach(what: str) -> DockerfileError:
    """The order of stages does not allow it."""
    return DockerfileError(what, hint="move the stage that is used above the one that uses it")
