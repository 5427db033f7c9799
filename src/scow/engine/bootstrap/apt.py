"""Where this machine's apt gets packages: the entries of ``sources.list`` and ``*.sources`` (sources.list(5))."""

from __future__ import annotations

import glob
import os
import re

from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@value
class Entry:
    """One archive and suite: ``deb [signed-by=...] uri suite components``."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""

    def line(self) -> str:
        """The entry in the one-line form."""
        options = f" [signed-by={self.signed_by}]" if self.signed_by else ""
        return f"deb{options} {self.uri} {self.suite} {' '.join(self.components)}"


ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<components>.*)")


def _one_line(text: str) -> Iterator[Entry]:
    for line in text.splitlines():
        match = ONE_LINE.fullmatch(line.split("#")[0].strip())
        if match:
            options = dict(o.partition("=")[::2] for o in (match["options"] or "").split())
            components = tuple(match["components"].split())
            yield Entry(match["uri"], match["suite"], components, options.get("signed-by", ""))


def _deb822(text: str) -> Iterator[Entry]:
    for paragraph in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in " \t":
                fields[name] = fields.get(name, "") + " " + line.strip()
            else:
                name, _, rest = line.partition(":")
                name = name.strip().lower()
                fields[name] = rest.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        key = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                # An inline key (a paragraph of armour) cannot be written as one line: apt's trusted keys serve.
                yield Entry(uri, suite, tuple(fields.get("components", "").split()), key if key.startswith("/") else "")


def entries(etc: str = "/etc/apt") -> list[Entry]:
    """All enabled binary entries of this machine, in apt's order; unreadable files are skipped."""
    found: list[Entry] = []
    for path in [os.path.join(etc, "sources.list"), *sorted(glob.glob(os.path.join(etc, "sources.list.d", "*")))]:
        try:
            with open(path, encoding="utf-8") as f:
                text = f.read()
        except (OSError, UnicodeDecodeError):
            continue
        if path.endswith(".sources"):
            found += _deb822(text)
        elif path.endswith(".list"):
            found += _one_line(text)
    return found


ARCHIVES = {"debian": ("http://deb.debian.org/debian", "main"), "ubuntu": ("http://archive.ubuntu.com/ubuntu", "main")}


def for_suite(name: str, suite: str, known: list[Entry]) -> list[Entry]:
    """The entries to bootstrap ``suite`` of ``name`` ("debian") from.

    This machine's own mirrors where it has the suite; else its mirror of that distribution with the suite's name put
    in; else the distribution's public address.
    """
    wanted = (suite, f"{suite}-updates", f"{suite}-security")
    exact = [e for e in known if e.suite in wanted and "://" in e.uri]
    if any(e.suite == suite for e in exact):
        return exact
    mirrors = [e for e in known if e.uri.rstrip("/").endswith(f"/{name}") and "-" not in e.suite]
    if mirrors:
        return [replace(mirrors[0], suite=suite)]
    uri, component = ARCHIVES[name]
    return [Entry(uri, suite, (component,))]
