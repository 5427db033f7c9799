"""Git repositories as sources: ``https://host/repo.git#ref:dir``, ``git@host:repo``, ``?branch=&tag=&checksum=...``."""

from __future__ import annotations

import re

from scow.build.dockerfile import gofmt
from scow.build.dockerfile.convert.draft import Draft
from scow.build.dockerfile.convert.paths import absolute
from scow.build.dockerfile.errors import DockerfileError
from scow.build.ops import Attr, SourceOp
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scow.build.graph import Hints

_SCHEME = re.compile(r"([a-zA-Z0-9]+)://")
_SCP = re.compile(r"([a-zA-Z0-9-_]+)@([a-zA-Z0-9-.]+):([^?#]*)(?:\?([^#]*))?(?:#(.*))?")
_FLAGS = ("submodules", "keep-git-dir", "fetch-by-commit")


@value
class GitRef:
    """``remote`` is what git is given; ``place`` the host and path, equal for all ways to reach them."""

    remote: str
    place: str
    ref: str = ""
    directory: str = ""
    checksum: str = ""
    keep_git: bool | None = None
    submodules: bool = True
    mtime: str = ""
    fetch_by_commit: bool = False


def is_git(text: str) -> bool:
    """Is ``text`` the address of a git repository? A path like ``github.com/a/b`` is not."""
    if text.startswith(("./", "../")):
        return False
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _SCP.fullmatch(text) is not None
    if scheme[1].lower() in ("http", "https"):
        return re.split("[?#]", text, maxsplit=1)[0].endswith(".git")
    return scheme[1].lower() in ("git", "ssh")


def git_ref(text: str) -> GitRef:
    """Take a git address apart; DockerfileError when it contradicts itself."""
    scp = None if _SCHEME.match(text) else _SCP.fullmatch(text)
    if scp is not None:
        remote, place = f"{scp[1]}@{scp[2]}:{scp[3]}", scp[2] + absolute(scp[3])
        query, fragment = scp[4] or "", scp[5] or ""
    else:
        address, _, fragment = text.partition("#")
        remote, _, query = address.partition("?")
        host, _, path = remote.partition("://")[2].partition("/")
        place = host.rpartition("@")[2] + absolute(path)
    ref, _, directory = fragment.partition(":")
    found = {"ref": ref, "subdir": absolute(directory).strip("/")}
    return _with_query(remote, place, found, _query(query))


def _query(text: str) -> dict[str, str]:
    from urllib.parse import parse_qs

    found = {}
    for key, values in parse_qs(text, keep_blank_values=True, max_num_fields=100).items():
        if len(values) > 1:
            raise DockerfileError(f"query {gofmt.quote(key)} has multiple values", near=key)
        if not values[0] and key not in _FLAGS:
            raise DockerfileError(f"query {gofmt.quote(key)} has no value", near=key)
        found[key] = values[0]
    return found


def _with_query(remote: str, place: str, found: dict[str, str], query: Mapping[str, str]) -> GitRef:
    flags: dict[str, bool] = {}
    for key, given in query.items():
        if key in _FLAGS:
            flags[key] = _flag(key, given)
        elif key in ("ref", "tag", "branch"):
            prefix = {"tag": "refs/tags/", "branch": "refs/heads/"}.get(key, "")
            ref = given if given.startswith(prefix) else prefix + given
            if key == "branch" and "tag" in query:
                raise DockerfileError("branch conflicts with tag", near="branch=")
            _agree(found, "ref", ref)
        elif key == "subdir":
            _agree(found, "subdir", given)
        elif key in ("checksum", "commit"):
            found["checksum"] = given
        elif key == "mtime" and given in ("checkout", "commit"):
            found["mtime"] = given
        elif key == "mtime":
            shown = gofmt.quote(given)
            raise DockerfileError(f'invalid mtime value: {shown} (must be "checkout" or "commit")', near=given)
        else:
            raise DockerfileError(f"unexpected query {gofmt.quote(key)}", near=key)
    return GitRef(
        remote,
        place,
        found["ref"],
        found["subdir"],
        found.get("checksum", ""),
        flags.get("keep-git-dir"),
        flags.get("submodules", True),
        found.get("mtime", ""),
        flags.get("fetch-by-commit", False),
    )


def _flag(key: str, given: str) -> bool:
    try:
        return not given or gofmt.parse_bool(given)
    except ValueError:
        raise DockerfileError(f"invalid {key} value: {gofmt.quote(given)}", near=given) from None


def _agree(found: dict[str, str], key: str, given: str) -> None:
    if found[key] not in ("", given):
        raise DockerfileError(f"{key} conflicts: {gofmt.quote(found[key])} vs {gofmt.quote(given)}", near=given)
    found[key] = given


def git_draft(ref: GitRef, hints: Hints) -> Draft:
    """The source vertex of a repository."""
    where = ref.place
    if ref.ref or ref.directory:
        where += f"#{ref.ref}" + (f":{ref.directory}" if ref.directory else "")
    attrs = {Attr.GIT_URL: ref.remote}
    if ref.keep_git:
        attrs[Attr.KEEP_GIT] = "true"
    if ref.checksum:
        attrs[Attr.GIT_CHECKSUM] = ref.checksum
    if not ref.submodules:
        attrs[Attr.GIT_SUBMODULES] = "true"
    if ref.mtime:
        attrs["git.mtime"] = ref.mtime
    if ref.fetch_by_commit:
        attrs["git.fetchbycommit"] = "true"
    return Draft(SourceOp(f"git://{where}", tuple(sorted(attrs.items()))), (), hints)
