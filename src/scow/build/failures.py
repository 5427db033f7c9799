"""How a failed vertex is told: BuildKit's words, and the lines of the build file it came from."""

from __future__ import annotations

from scow import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.graph import Lines, SourceFile, Vertex

CONTEXT = 2
"""Lines shown before and after the ones at fault."""


def failed(vertex: Vertex, cause: BaseException) -> errors.Error:
    """``cause`` as an error of its own class that begins with ``failed to solve:`` and has the source lines as a
    note.
    """
    kind = type(cause) if isinstance(cause, errors.Error) else errors.Error
    text = str(cause)
    error = kind(text if text.startswith("failed to solve: ") else f"failed to solve: {text}")
    error.hint = getattr(cause, "hint", None)
    error.__cause__ = cause
    for note in (
        f"vertex: {vertex.hints.name}" if vertex.hints.name else "",
        excerpt(vertex.hints.file, vertex.hints.lines),
    ):
        if note:
            error.add_note(note)
    return error


def excerpt(file: SourceFile | None, lines: tuple[Lines, ...]) -> str:
    """The lines at fault as BuildKit shows them, or "" if they are not known.

    Dockerfile:2
    --------------------
       1 |     FROM busybox
       2 | >>> RUN false
    --------------------
    """
    if file is None or not lines:
        return ""
    text = file.data.decode("utf-8", "replace").splitlines()
    first, last = lines[0].first, max(r.last for r in lines)
    marked = {n for r in lines for n in range(r.first, r.last + 1)}
    shown = range(max(1, first - CONTEXT), min(len(text), last + CONTEXT) + 1)
    rule = "-" * 20
    rows = [f"{n:4} | {'>>> ' if n in marked else '    '}{text[n - 1]}" for n in shown]
    return "\n".join([f"{file.name}:{first}", rule, *rows, rule])
