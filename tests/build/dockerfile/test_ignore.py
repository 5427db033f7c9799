"""``.dockerignore``: moby's own cases, files, pruning, hostile patterns, speed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scow.build.ignore import ROOT, Ignore, ignore_files, read_patterns
from scow.errors import Invalid

# pattern, path, left out?  (the facts are those of moby/patternmatcher's tests)
MATCHES = [
    line.split("|")
    for line in r"""
**|file|1
**|file/|1
**/|file|1
**|/|1
**/|dir/file|1
**/**|dir/file|1
dir/**|dir/file|1
dir/**|dir/dir2/file/|1
**/dir|dir|1
**/dir|dir/file|1
**/dir2/*|dir/dir2/file|1
**/dir2/**|dir/dir2/dir3/file|1
**file|file|1
**file|dir/dir/file|1
**/file|dir/dir/file|1
**/file*|dir/dir/file.txt|1
**/file*txt|dir/dir/file.txt|1
**/file*.txt*|dir/dir/file.txt|1
**/**/*.txt|dir/dir/file.txt|1
**/**/*.txt2|dir/dir/file.txt|0
**/*.txt|file.txt|1
a**/*.txt|a/file.txt|1
a**/*.txt|a/dir/dir/file.txt|1
a/*.txt|a/dir/file.txt|0
a/*.txt|a/file.txt|1
a/*.txt**|a/file.txt|1
a[b-d]e|ae|0
a[b-d]e|ace|1
a[b-d]e|aae|0
a[^b-d]e|aze|1
.*|.foo|1
.*|foo|0
abc.def|abcdef|0
abc.def|abc.def|1
abc.def|abcZdef|0
abc?def|abcZdef|1
abc?def|abcdef|0
a\\|a\|1
**/foo/bar|foo/bar|1
**/foo/bar|dir/dir2/foo/bar|1
abc/**|abc|0
abc/**|abc/def/ghi|1
**/.foo|.foo|1
**/.foo|bar.foo|0
a(b)c/def|a(b)c/def|1
a(b)c/def|a(b)c/xyz|0
dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl|dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl|1
dist/*.whl|dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl|1
a\*b|a*b|1
a\*b|ab|0
*c|abc|1
a*|ab/c|1
a*/b|a/c/b|0
a*b*c*d*e*/f|axbxcxdxexxx/f|1
a*b*c*d*e*/f|axbxcxdxe/xxx/f|0
a*b*c*d*e*/f|axbxcxdxexxx/fff|0
a*b?c*x|abxbbxdbxebxczzx|1
a*b?c*x|abxbbxdbxebxczzy|0
ab[^e-g]|abc|1
a?b|a☺b|1
a[^a]b|a☺b|1
a???b|a☺b|0
[a-é]*|ç|1
*[a-é]|A|0
a?b|a/b|0
a*b|a/b|0
[\]a]|]|1
[\-]|-|1
[x\-]|z|0
[\-x]|x|1
*x|xxx|1
a.)$(}+{bc|a.)$(}+{bc|1
x/**/y/**/z|x/q/y/z|1
x/**/y/**/z|x/q/z/y|0
a**b/c|aq/b/c|1
""".strip().splitlines()
]


@pytest.mark.parametrize(("pattern", "path", "ignored"), MATCHES)
def test_moby_cases(pattern: str, path: str, ignored: str) -> None:
    assert Ignore([pattern]).ignores(path) == (ignored == "1")


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        (["**", "!util/docker/web"], "util/docker/web/foo", False),
        (["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", True),
        (["**", "!dist/*.whl"], "dist/a.whl", False),
        (["docs", "!docs/README.md"], "docs/README.md", False),
        (["docs", "  !docs/README.md  "], "docs/x", True),
        (["*.md", "!README*.md", "README-secret.md"], "README-secret.md", True),
        (["*.md", "README-secret.md", "!README*.md"], "README-secret.md", False),
        (["!a"], "a", False),
        (["a", "!a/b", "a/b/c"], "a/b/c", True),
        (["a", "!a/b", "a/b/c"], "a/b/d", False),
    ],
)
def test_exceptions_and_order(patterns: list[str], path: str, ignored: bool) -> None:
    assert Ignore(patterns).ignores(path) == ignored


@pytest.mark.parametrize("pattern", "[]a] [-] [x-] [-x] \\ [a-b-c] [ [^ [^bc a[ ! [Local-Only]/ a[ a\\ [\\".split())
def test_malformed_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(Invalid):
        Ignore([pattern])


def test_file_syntax() -> None:
    data = b"\xef\xbb\xbf# comment\r\n/node_modules/\r\n  build/../dist \n\n #no comment\n!\t/keep/./me\n/\n"
    assert read_patterns(data) == ("node_modules", "dist", "#no comment", "!keep/me", "/")
    assert read_patterns(b"a\x00b\n\xff") == ("a\x00b", "\udcff")
    assert Ignore(read_patterns(b"\xff*")).ignores("\udcffx")


def test_where_patterns_are_looked_for() -> None:
    assert ignore_files("deploy/app.Dockerfile") == ("deploy/app.Dockerfile.dockerignore", ".dockerignore")


def walk(ignore: Ignore, paths: list[str]) -> set[str]:
    """What a walk that prunes would keep."""
    verdicts = {"": ROOT}
    kept = set()
    pruned: list[str] = []
    for path in sorted(paths):
        if any(path.startswith(p + "/") for p in pruned):
            continue
        verdict = verdicts[path] = ignore.verdict(path, verdicts[path.rpartition("/")[0]])
        if not verdict.ignored:
            kept.add(path)
        elif ignore.prunes(path, verdict):
            pruned.append(path)
    return kept


def test_directories_are_pruned_unless_something_below_may_come_back() -> None:
    ignore = Ignore(["node_modules", "vendor", "!vendor/keep/*.c", "tmp/*", "!tmp/x"])
    for name, pruned in [
        ("node_modules", True),
        ("vendor", False),
        ("vendor/other", True),
        ("tmp/y", True),
        ("tmp", False),
    ]:
        parent = ignore.verdict("vendor") if name.startswith("vendor/") else ROOT
        assert ignore.prunes(name, ignore.verdict(name, parent)) == pruned, name
    everywhere = Ignore(["a", "!**/keep"])
    assert not everywhere.prunes("a", everywhere.verdict("a"))
    assert not Ignore([]).prunes("a", ROOT)


NAMES = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "?", "[ab]", "*b"])
PATTERNS = st.tuples(st.sampled_from(["", "!"]), st.lists(NAMES, min_size=1, max_size=3)).map(
    lambda t: t[0] + "/".join(t[1])
)
TREE = ["/".join(p) for p in [(x,) for x in ("a", "b", "ab")]]
TREE += [f"{x}/{y}" for x in TREE for y in ("a", "b", "ab")]
TREE += [f"{x}/{y}" for x in TREE if "/" in x for y in ("a", "ba")]


@given(st.lists(PATTERNS, max_size=5))
def test_pruning_never_changes_the_result(patterns: list[str]) -> None:
    ignore = Ignore(patterns)
    assert walk(ignore, TREE) == {p for p in TREE if not ignore.ignores(p)}


def by_the_book(patterns: list[str], path: str) -> bool:
    """The definition: patterns in order; each asked only if it could change the answer; parents' matches count."""
    compiled = [(p.exception, Ignore([p.text])) for p in Ignore(patterns).patterns]
    inherited = [False] * len(compiled)
    ignored = False
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        ignored, now = False, [False] * len(compiled)
        for n, (exception, one) in enumerate(compiled):
            hit = inherited[n]
            if not hit and exception == ignored:
                hit = one.verdict("/".join(parts[:depth])).matched != 0
            now[n] = hit
            ignored = not exception if hit else ignored
        inherited = now
    return ignored


@given(st.lists(PATTERNS, max_size=5))
def test_order_of_patterns_is_mobys(patterns: list[str]) -> None:
    ignore = Ignore(patterns)
    for path in TREE:
        assert ignore.ignores(path) == by_the_book(patterns, path), path


@given(st.binary(max_size=60))
def test_any_bytes_are_patterns_or_invalid(data: bytes) -> None:
    try:
        Ignore(read_patterns(data)).ignores("some/path")
    except Invalid:
        pass


@pytest.mark.parametrize("pattern", ["*a" * 200 + "b", "**/a/" * 100 + "b", "a**" * 3 + "b", "[ab]*" * 100 + "c"])
def test_patterns_cannot_explode(pattern: str) -> None:
    start = time.perf_counter()
    Ignore([pattern]).ignores("/".join(["a" * 200] * 10))
    Ignore([pattern]).ignores("/".join(["a"] * 100))
    assert time.perf_counter() - start < 2
    with pytest.raises(Invalid):
        Ignore(["a**" * 50 + "b"])
    with pytest.raises(Invalid):
        Ignore(["a" * 5000])


def test_a_path_costs_microseconds() -> None:
    ignore = Ignore([".git", "node_modules", "*.log", "**/*.pyc", "**/__pycache__", "dist/**"])
    paths = [f"src/dir{n % 50}/file{n}.py" for n in range(20_000)]
    parents = {d: ignore.verdict(d) for d in {p.rpartition("/")[0] for p in paths}}
    best = min(_seconds(ignore, paths, parents) for _ in range(3))
    assert best / len(paths) < 10e-6  # 1 us here; the bound only catches a change of order


def _seconds(ignore: Ignore, paths: list[str], parents: dict) -> float:
    start = time.perf_counter()
    for path in paths:
        ignore.verdict(path, parents[path.rpartition("/")[0]])
    return time.perf_counter() - start
