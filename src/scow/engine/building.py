"""The values of a build request, named where doors may import them from."""

from __future__ import annotations

from scow.build.boxes import Given
from scow.build.failures import excerpt
from scow.build.frontend import Called
from scow.build.outputs import Output
from scow.build.outputs import parse as parse_output
from scow.build.service import BuildRequest, BuildResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from scow.build.events import VertexWarning
    from scow.oci.platform import Platform

__all__ = [
    "BuildRequest", "BuildResult", "Called", "Given", "Output",
    "lines_excerpt", "parse_output", "parse_platforms", "warning_excerpt",
]  # fmt: skip


def parse_platforms(texts: tuple[str, ...]) -> tuple[Platform, ...]:
    """``--platform`` texts, each perhaps several separated by commas; each platform once. Invalid."""
    from scow.oci.platform import Platform

    found = [Platform.parse(word.strip()) for text in texts for word in text.split(",") if word.strip()]
    return tuple(dict.fromkeys(found))


def warning_excerpt(warning: VertexWarning) -> str:
    """The lines of the build file a warning is about, as docker shows them; "" if they are not known."""
    return excerpt(warning.file, warning.lines)


def lines_excerpt(name: str, data: bytes, lines: Iterable[tuple[int, int]]) -> str:
    """The same for any lines (first, last) of a build file."""
    from scow.build.graph import Lines, SourceFile

    return excerpt(SourceFile(name, data), tuple(Lines(first, last) for first, last in lines))
