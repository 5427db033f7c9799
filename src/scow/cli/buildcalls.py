"""``build --call``: what docker prints of a build file's checks, parameters and stages."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from scow.engine.building import Called


def text(call: str, called: Called, place: str) -> str:
    """The text of one call's answer; ``place`` is the build file's path as the user knows it."""
    if call == "check":
        return _check(called, place)
    return _targets(called.found) if call == "targets" else _outline(called.found)


def error(called: Called, place: str) -> str:
    """The error that a check ended with, as docker prints it; "" without one."""
    fault = called.found.get("buildError")
    if fault is None:
        return ""
    where = _excerpt(called, fault, place)
    return f"ERROR: {fault['message']}\n{where}"


def _excerpt(called: Called, found: dict[str, Any], place: str) -> str:
    from scow.engine.building import lines_excerpt

    lines = [(r["start"]["line"], r["end"]["line"]) for r in found.get("location", {}).get("ranges", ())]
    shown = lines_excerpt(place, called.file, lines) if lines else ""
    return f"{shown}\n" if shown else ""


def _check(called: Called, place: str) -> str:
    warnings = called.found["warnings"]
    if "buildError" in called.found and not warnings:
        return ""
    if not warnings:
        return "Check complete, no warnings found.\n"
    many = "s have" if len(warnings) > 1 else " has"
    out = [f"Check complete, {len(warnings)} warning{many} been found!\n"]
    for w in warnings:
        url = f" - {w['url']}" if w.get("url") else ""
        out.append(f"\nWARNING: {w['ruleName']}{url}\n{w['detail']}\n{_excerpt(called, w, place)}")
    return "".join(out)


def _table(rows: Sequence[Sequence[str]], padding: int = 3) -> str:
    widths = [max(len(row[n]) for row in rows) + padding for n in range(len(rows[0]) - 1)]
    return "".join("".join(c.ljust(w) for c, w in zip(row, [*widths, 0], strict=True)) + "\n" for row in rows)


def _targets(found: dict[str, Any]) -> str:
    rows = [["TARGET", "DESCRIPTION"]]
    for stage in found["targets"]:
        name = stage.get("name", "")
        if stage.get("default"):
            name = f"{name} (default)".lstrip()
        rows.append([name, stage.get("description", "")])
    return _table(rows, 1)


def _outline(found: dict[str, Any]) -> str:
    parts = []
    if found.get("name"):
        parts.append(f"TARGET: {found['name']}\n")
        if found.get("description"):
            parts[-1] += f"DESCRIPTION: {found['description']}\n"
    if args := found.get("args"):
        head = ["BUILD ARG", "VALUE", "DESCRIPTION"]
        parts.append(_table([head, *([a["name"], a.get("value", ""), a.get("description", "")] for a in args)]))
    for kind, title in (("secrets", "SECRET"), ("ssh", "SSH")):
        if wanted := found.get(kind):
            rows = [[w["name"], "true" if w.get("required") else ""] for w in wanted]
            parts.append(_table([[title, "REQUIRED"], *rows]))
    return "\n".join(parts)
