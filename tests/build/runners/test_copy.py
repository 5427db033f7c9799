"""COPY: what BuildKit's layers contain is what ours contain (the tables were read off ``docker build``)."""

from __future__ import annotations

import os

import pytest

from scow import errors
from scow.build.graph import Edge, Vertex
from scow.build.ops import Copy, FileAction, FileOp, MkDir, MkFile, Owner, Rm, Symlink, User

BASE = {
    "etc": None,
    "etc/passwd": b"root:x:0:0:::\nweb:x:33:34::/:\n",
    "etc/group": b"root:x:0:\nwww:x:35:\n",
    "tmp": (0o1777, 0, 0),
    "link": "-> etc",
    "abs": "-> /etc",
    "up": "-> ../../../etc",
    "usr": (0o711, 5, 6),
}


def owned(user, group):
    return Owner(User(user, input=0), User(group, input=0))


def test_file_to_path_makes_directories(bench):
    ctx = bench.context({"f": b"hi"})
    os.utime(f"{bench.root}/ctx/f", (1577934245, 1577934245))
    made = bench.layer(bench.copy(ctx, bench.image("b", BASE), src="/f", dest="/a/b/c"))
    assert list(made) == ["a", "a/b", "a/b/c"]
    assert [oct(m.mode) for m in made.values()] == ["0o755", "0o755", "0o644"]
    assert made["a/b/c"].mtime == 1577934245 and made["a"].mtime == 1577934245


def test_existing_parents_keep_what_they_are(bench):
    ctx = bench.context({"f": b"hi"})
    made = bench.layer(bench.copy(ctx, bench.image("b", BASE), src="f", dest="/usr/bin/"))
    assert list(made) == ["usr", "usr/bin", "usr/bin/f"]
    usr = made["usr"]
    assert (usr.mode, usr.uid, usr.gid, usr.mtime) == (0o711, 5, 6, 10**9)


@pytest.mark.parametrize(
    ("dest", "where"),
    [
        ("/x", "x"),
        ("/etc", "etc/f"),
        ("/etc/", "etc/f"),
        ("/new/", "new/f"),
        ("/link/", "etc/f"),
        ("/link", "etc/f"),
        ("/abs/y", "etc/y"),
        ("/up/y", "etc/y"),
        ("/a/../b", "b"),
        ("/../../c", "c"),
        ("/etc/passwd", "etc/passwd"),
        ("/", "f"),
        ("/.", "f"),
        ("rel", "rel"),
    ],
)
def test_where_a_file_goes(bench, dest, where):
    ctx = bench.context({"f": b"hi"})
    made = bench.layer(bench.copy(ctx, bench.image("b", BASE), src="/f", dest=dest))
    assert list(made)[-1] == where and made[where].size == 2


def test_contents_of_a_directory(bench):
    ctx = bench.context({"d/one": b"x", "d/sub/two": b"y", "d/lnk": "-> one", "d/empty": None})
    os.chmod(f"{bench.root}/ctx/d", 0o711)
    os.utime(f"{bench.root}/ctx/d", (10**9 + 5, 10**9 + 5))
    made = bench.layer(bench.copy(ctx, bench.image("b", BASE), src="/d", dest="/dd"))
    assert list(made) == ["dd", "dd/empty", "dd/lnk", "dd/one", "dd/sub", "dd/sub/two"]
    assert (made["dd"].mode, made["dd"].mtime) == (0o755, 10**9 + 5)
    assert made["dd/lnk"].linkname == "one"


def test_merging_into_directories(bench):
    """The destination keeps mode and owner, directories below it take the source's."""
    image = bench.image("b", {"dd": (0o700, 1, 2), "dd/sub": (0o700, 3, 4), "dd/sub/old": b"", "dd/keep": b""})
    ctx = bench.context({"d/sub/new": b"y"})
    os.chmod(f"{bench.root}/ctx/d/sub", 0o751)
    made = bench.layer(bench.copy(ctx, image, src="/d/", dest="/dd"))
    assert list(made) == ["dd", "dd/sub", "dd/sub/new"]
    assert (made["dd"].mode, made["dd"].uid) == (0o700, 1)
    assert (made["dd/sub"].mode, made["dd/sub"].uid) == (0o751, 0)


def test_hard_links_stay(bench):
    ctx = bench.context({"d/a": b"same"})
    os.link(f"{bench.root}/ctx/d/a", f"{bench.root}/ctx/d/b")
    made = bench.layer(bench.copy(ctx, src="/d", dest="/"))
    assert made["b"].islnk() and made["b"].linkname == "a"


def test_chown_and_chmod(bench):
    ctx = bench.context({"d/one": b"x", "d/sub/two": b"y", "d/lnk": "-> one"})
    image = bench.image("b", BASE)
    made = bench.layer(bench.copy(ctx, image, src="/d", dest="/m/", owner=owned("web", "www"), mode="0640"))
    assert {(m.uid, m.gid) for m in made.values()} == {(33, 35)}
    assert {n: oct(m.mode) for n, m in made.items()} == {
        "m": "0o640",
        "m/lnk": "0o777",
        "m/one": "0o640",
        "m/sub": "0o640",
        "m/sub/two": "0o640",
    }


@pytest.mark.parametrize(
    ("mode", "before", "after"),
    [
        ("u+x", 0o644, 0o744),
        ("go-r", 0o644, 0o600),
        ("a=rX", 0o755, 0o555),
        ("a=rX", 0o644, 0o444),
        ("u=rwx,g=u,o=", 0o644, 0o770),
        ("+x", 0o644, 0o755),
        ("u+s", 0o755, 0o4755),
        ("u=rwx,go=rx", 0o4700, 0o755),
    ],
)
def test_symbolic_modes(bench, mode, before, after):
    ctx = bench.context({"f": b"x"})
    os.chmod(f"{bench.root}/ctx/f", before)
    assert oct(bench.layer(bench.copy(ctx, src="/f", dest="/a/f", mode=mode))["a/f"].mode) == oct(after)


def test_symbolic_modes_make_directories_as_ever(bench):
    ctx = bench.context({"f": b"x"})
    assert bench.layer(bench.copy(ctx, src="/f", dest="/a/f", mode="go-rwx"))["a"].mode == 0o755


@pytest.mark.parametrize("mode", ["9", "u+q", "77777", "u", "", "rwx"][:4])
def test_bad_modes(bench, mode):
    ctx = bench.context({"f": b"x"})
    with pytest.raises(errors.Invalid, match="invalid chmod parameter"):
        bench.solve(bench.copy(ctx, src="/f", dest="/f", mode=mode))


def test_unknown_user(bench):
    ctx = bench.context({"f": b"x"})
    with pytest.raises(errors.Invalid, match="can't find user for nobody: no matching entries in passwd file"):
        bench.solve(bench.copy(ctx, bench.image("b", BASE), src="/f", dest="/f", owner=owned("nobody", "0")))


@pytest.mark.parametrize(
    ("image", "files", "fields", "said"),
    [
        (BASE, {"f": b""}, {"src": "/nope", "dest": "/"}, '"/nope": not found'),
        ({"x/sub": None}, {"d/sub": b""}, {"src": "/d", "dest": "/x"}, "cannot replace to directory /x/sub with file"),
        ({"x/sub": b""}, {"d/sub/a": b""}, {"src": "/d", "dest": "/x"}, "cannot copy to non-directory: /x/sub"),
        ({"x": b""}, {"d/a": b""}, {"src": "/d", "dest": "/x"}, "cannot copy to non-directory: /x"),
        ({"x": b""}, {"f": b""}, {"src": "/f", "dest": "/x/y"}, "mkdir /x: not a directory"),
        (BASE, {"f": b""}, {"src": "/f*x", "dest": "/", "allow_empty_wildcard": False}, "/f\\*x not found"),
        (BASE, {"f": b""}, {"src": "/[", "dest": "/", "wildcard": True}, "syntax error in pattern"),
        (BASE, {".wh.f": b""}, {"src": "/", "dest": "/"}, "marks a deleted file"),
    ],
)
def test_refusals(bench, image, files, fields, said):
    fields = {"wildcard": True, **fields}
    with pytest.raises(errors.Error, match=said):
        bench.solve(bench.copy(bench.context(files), bench.image("b", image), **fields))


def test_always_replace(bench):
    ctx = bench.context({"d/sub": b"file"})
    image = bench.image("b", {"x/sub/deep": b""})
    made = bench.layer(bench.copy(ctx, image, src="/d", dest="/x", always_replace=True))
    assert made["x/sub"].isfile()


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/*.py", ["a.py", "b.py"]),
        ("/[ab].py", ["a.py", "b.py"]),
        ("/?.py", ["a.py", "b.py"]),
        ("/[^a].py", ["b.py"]),
        ("/[*]", ["*"]),
        ("/d*/x", ["x"]),
        ("/d*", ["x"]),
        ("/*/x", ["x"]),
        ("/none*", []),
    ],
)
def test_wildcards(bench, pattern, found):
    ctx = bench.context({"a.py": b"a", "b.py": b"b", "c.txt": b"", "*": b"star", "d1/x": b"1"})
    made = bench.layer(bench.copy(ctx, src=pattern, dest="/o/", wildcard=True))
    assert [n.removeprefix("o/") for n in made if n != "o"] == found


def test_links_in_the_source(bench):
    """The named source is followed inside the context, what is below a directory is not."""
    ctx = bench.context({"real/f": b"x", "l": "-> real", "out": "-> /etc/passwd", "etc/passwd": b"context's own"})
    assert "o/f" in bench.layer(bench.copy(ctx, src="/l", dest="/o/"))
    assert bench.data(bench.copy(ctx, src="/out", dest="/o/"), "o/out") == b"context's own"


def test_escape_by_links_fails(bench):
    ctx = bench.context({"out": "-> ../../../../etc/shadow", "dir": "-> /"})
    with pytest.raises(errors.NotFound, match='"/out": not found'):
        bench.solve(bench.copy(ctx, src="/out", dest="/o/"))
    made = bench.layer(bench.copy(ctx, src="/dir/out", dest="/o/", follow_symlinks=False))
    assert made["o/out"].issym()


def test_parents(bench):
    ctx = bench.context({"a/b/c.txt": b"c", "a/d/e.txt": b"e", "a/d/x": b""})
    os.chmod(f"{bench.root}/ctx/a/b", 0o700)
    made = bench.layer(bench.copy(ctx, src="/a/*/*.txt", dest="/o/", wildcard=True, parents=True))
    assert list(made) == ["o", "o/a", "o/a/b", "o/a/b/c.txt", "o/a/d", "o/a/d/e.txt"]
    assert made["o/a/b"].mode == 0o700
    made = bench.layer(bench.copy(ctx, src="/a/./**/*.txt", dest="/o/", wildcard=True, parents=True))
    assert list(made) == ["o", "o/b", "o/b/c.txt", "o/d", "o/d/e.txt"]


def test_exclude(bench):
    ctx = bench.context({"d/a.md": b"", "d/sub/b.md": b"", "d/sub/keep.md": b"", "d/c": b""})
    made = bench.layer(bench.copy(ctx, src="/d", dest="/o/", exclude=("**/*.md", "!sub/keep.md")))
    assert list(made) == ["o", "o/c", "o/sub", "o/sub/keep.md"]


def test_copy_from_a_stage_keeps_owners_and_attributes(bench):
    stage = bench.image("s", {"d": (0o711, 7, 8), "d/sub": (0o700, 7, 8), "d/sub/f": (0o640, 7, 8, b"a")})
    made = bench.layer(bench.copy(stage, bench.image("b", BASE), src="/d", dest="/dd"))
    assert (made["dd"].mode, made["dd"].uid) == (0o755, 0)
    assert (made["dd/sub/f"].mode, made["dd/sub/f"].uid, made["dd/sub/f"].gid) == (0o640, 7, 8)


def test_actions_in_a_row_are_one_layer(bench):
    base, ctx = bench.image("b", BASE), bench.context({"f": b"1", "g": b"2"})
    actions = (
        FileAction(Copy("/f", "/o/"), 0, 1),
        FileAction(Copy("/g", "/o/"), 2, 1),
        FileAction(Rm("/o/f"), 3),
        FileAction(MkDir("/o/new/deep", timestamp=0), 4),
        FileAction(Symlink("../g", "/o/new/l", timestamp=0), 5),
        FileAction(MkFile("/o/h", b"text", 0o600, timestamp=0), 6),
        FileAction(Rm("/etc"), 7, output=0),
    )
    made = bench.layer(Edge(Vertex(FileOp(actions), (base, ctx))))
    assert list(made) == [".wh.etc", "o", "o/g", "o/h", "o/new", "o/new/deep", "o/new/l"]


def test_heredoc_goes_through_a_tree_of_its_own(bench):
    actions = (FileAction(MkFile("/EOF", b"text\n", timestamp=0), -1), FileAction(Copy("/EOF", "/o/name"), 0, 1, 0))
    edge = Edge(Vertex(FileOp(actions), (bench.image("b", BASE),)))
    actions = (FileAction(MkFile("/EOF", b"text\n", timestamp=0), -1), FileAction(Copy("/EOF", "/o/name"), 0, 1, 0))
    assert bench.data(edge, "o/name") == b"text\n"


def test_directory_made_anew_hides_the_old_one(bench):
    base = bench.image("b", {"d/old": b""})
    actions = (FileAction(Rm("/d"), 0), FileAction(MkDir("/d", timestamp=0), 1, output=0))
    made = bench.layer(Edge(Vertex(FileOp(actions), (base,))))
    assert list(made) == ["d", "d/.wh..wh..opq"]


def test_existing_workdir_is_an_empty_layer(bench):
    op = FileOp((FileAction(MkDir("/etc"), 0, output=0),))
    edge = Edge(Vertex(op, (bench.image("b", BASE),)))
    assert bench.layer(edge) == {}


def test_layers_are_deterministic(bench):
    ctx = bench.context({f"d/{n}": os.urandom(10) for n in range(50)})
    (one,) = bench.solve(bench.copy(ctx, src="/d", dest="/o/"))
    (two,) = bench.solve(bench.copy(ctx, src="/d", dest="/o/"), no_cache=True)
    assert one.settled() == two.settled()


# ── cache ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_unchanged_context_is_a_hit_and_touch_is_no_change(bench):
    files = {"d/a": b"a", "d/b": b"b"}
    base = bench.image("b", BASE)
    (one,) = bench.solve(bench.copy(bench.context(files), base, src="/d", dest="/o/"))
    os.utime(f"{bench.root}/ctx/d/a", (1, 1))
    (two,) = bench.solve(bench.copy(bench.context({}), base, src="/d", dest="/o/"))
    assert bench.cached() == {"": False, "COPY /d /o/": True} and one == two


@pytest.mark.parametrize("change", ["content", "mode", "name", "link", "new", "removed"])
def test_changes_are_misses(bench, change):
    base = bench.image("b", BASE)
    ctx = bench.context({"d/a": b"a", "d/b": b"b", "d/l": "-> a"})
    bench.solve(bench.copy(ctx, base, src="/d", dest="/o/"))
    top = f"{bench.root}/ctx/d"
    match change:
        case "content":
            bench.context({"d/a": b"c"})
        case "mode":
            os.chmod(f"{top}/a", 0o600)
        case "name":
            os.rename(f"{top}/a", f"{top}/z")
        case "link":
            os.unlink(f"{top}/l")
            os.symlink("b", f"{top}/l")
        case "new":
            bench.context({"d/new": b""})
        case "removed":
            os.unlink(f"{top}/b")
    bench.solve(bench.copy(bench.context({}), base, src="/d", dest="/o/"))
    assert not bench.cached()["COPY /d /o/"]


def test_what_is_not_read_does_not_count(bench):
    base = bench.image("b", BASE)
    bench.solve(bench.copy(bench.context({"d/a": b"a", "e": b"1"}), base, src="/d", dest="/o/"))
    bench.solve(bench.copy(bench.context({"e": b"2"}), base, src="/d", dest="/o/"))
    assert bench.cached()["COPY /d /o/"]


def test_file_that_changes_between_walk_and_copy(bench):
    ctx = bench.context({"f": b"one"})
    tree = bench.contexts["ctx"]
    tree.entries("")
    with open(f"{bench.root}/ctx/f", "wb") as f:
        f.write(b"other")
    with pytest.raises(errors.Unavailable, match="ctx/f changed while the build read it"):
        bench.solve(bench.copy(ctx, src="/f", dest="/f"))


def test_directory_that_becomes_a_link_is_not_followed(bench):
    ctx = bench.context({"d/f": b"one"})
    tree = bench.contexts["ctx"]
    tree.entries("")
    os.rename(f"{bench.root}/ctx/d", f"{bench.root}/ctx/moved")
    os.symlink("/etc", f"{bench.root}/ctx/d")
    with pytest.raises(errors.Unavailable, match="ctx/d changed"):
        bench.solve(bench.copy(ctx, src="/d", dest="/o/"))
