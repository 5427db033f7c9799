"""Build checks: which run (``# check=`` for the file, a comment above an instruction for that one), and their findings.

Rules that need only the text are in ``checks``; those that need values of variables or base images report from the
converter as it goes.
"""

from __future__ import annotations

from scow.build.dockerfile import gofmt
from scow.build.dockerfile.directives import DirectiveParser
from scow.build.dockerfile.errors import DockerfileError
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.instructions.base import Origin
    from scow.build.dockerfile.rules import Rule
    from scow.build.dockerfile.source import Range


@value
class Warning:  # noqa: A001 - the word users know
    """A finding: the rule, its words and the lines it is about."""

    rule: Rule
    message: str
    at: Range

    def __str__(self) -> str:
        """As docker prints it: ``Rule: words (line 3)``."""
        return f"{self.rule.name}: {self.message} (line {self.at.start})"


@value
class Checks:
    """Which rules run. ``skip`` and ``experimental`` hold names, or just "all"; ``error`` makes a finding an error."""

    skip: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    error: bool = False

    def also(self, other: Checks) -> Checks:
        """What both skip and what either turns on; the file decides about errors."""
        return Checks(self.skip | other.skip, self.experimental | other.experimental, self.error)

    def runs(self, rule: Rule) -> bool:
        """Is ``rule`` checked?"""
        chosen = self.experimental if rule.experimental else self.skip
        return rule.experimental == ("all" in chosen or rule.name in chosen)


def parse_checks(text: str) -> Checks:
    """``skip=Rule,Rule;error=true;experimental=all``."""
    lists: dict[str, frozenset[str]] = {}
    error = False
    for part in text.strip().split(";", 2) if text.strip() else []:
        key, equals, given = part.partition("=")
        key, given = key.strip(), given.strip()
        if not equals:
            raise DockerfileError(f"failed to parse check options: invalid check option {gofmt.quote(part)}", near=part)
        if key in ("skip", "experimental"):
            lists[key] = frozenset(name.strip() for name in given.split(","))
        elif key == "error":
            try:
                error = gofmt.parse_bool(given)
            except ValueError as fault:
                option = gofmt.quote(part)
                raise DockerfileError(
                    f"failed to parse check options: failed to parse check option {option}: {fault}", near=part
                ) from None
        else:
            raise DockerfileError(f"failed to parse check options: invalid check option {gofmt.quote(key)}", near=part)
    return Checks(lists.get("skip", frozenset()), lists.get("experimental", frozenset()), error)


class Linter:
    """Collects findings."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self.found: list[Warning] = []
        self._known: set[tuple[str, str, int]] = set()

    def report(self, rule: Rule, origin: Origin, message: str, at: Range | None = None) -> None:
        """Add a finding about the instruction at ``origin``, unless the rule is off for the file or for it."""
        if self.checks.also(_above(origin.comments)).runs(rule):
            self.add(rule, at or origin.at, message)

    def add(self, rule: Rule, at: Range, message: str) -> None:
        """Add a finding about lines rather than an instruction."""
        key = (rule.name, message, at.start)
        if self.checks.runs(rule) and key not in self._known:
            self._known.add(key)
            self.found.append(Warning(rule, message, at))

    def error(self) -> DockerfileError | None:
        """The error that ``error=true`` makes of findings."""
        if not self.checks.error or not self.found:
            return None
        names = ", ".join(dict.fromkeys(w.rule.name for w in self.found))
        return DockerfileError(f"lint violation found for rules: {names}")


_NOTHING = Checks()


def _above(comments: tuple[str, ...]) -> Checks:
    """The checks a comment ``# check=...`` right above an instruction asks for."""
    for comment in comments:
        if "=" not in comment or not comment.startswith("check"):
            continue
        directive = DirectiveParser(comment="").feed(comment)
        if directive is not None and directive.name == "check":
            try:
                return parse_checks(directive.word)
            except DockerfileError:
                return _NOTHING
    return _NOTHING
