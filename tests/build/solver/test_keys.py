"""Keys, and the answer to "why was it built again?"."""

from __future__ import annotations

from scow.build.graph import Edge, Hints, Vertex, describe, topological
from scow.build.keys import CacheMap, Content, InputKey, content_key, definition_key, explain, make_key
from scow.build.ops import ExecOp, MergeOp, Meta, MkFile, SourceOp

RUN = ExecOp(Meta(("/bin/sh", "-c", "make")))


def test_digest_leaves_hints_out_and_has_the_platform_in():
    assert Vertex(RUN, (), Hints("x", no_cache=True)).digest == Vertex(RUN).digest
    assert Vertex(RUN, (), platform="linux/arm64").digest != Vertex(RUN).digest


def test_digest_tells_kinds_of_data_apart():
    seen = {Vertex(op).digest for op in (MkFile("/a", b"x"), MkFile("/a", b"eA=="), MkFile("/b", b"x"), MergeOp((0,)))}
    assert len(seen) == 4


def test_digest_is_stable():
    """Golden: a change here makes every cache in the world miss."""
    assert Vertex(SourceOp("docker-image://docker.io/library/busybox:latest"), (), platform="linux/amd64").digest == (
        "sha256:" + "ebff12a25d00cfa11a2863cc220298a7f11208654329525984a5fdca5b3a1313"
    )


def test_surrogates_do_not_break_digests():
    assert Vertex(SourceOp("local://\udcff")).digest.startswith("sha256:")


def test_topological_is_inputs_first_each_once():
    base = Edge(Vertex(SourceOp("x://")))
    a, b = Vertex(RUN, (base,)), Vertex(MergeOp((0,)), (base,))
    top = Vertex(MergeOp((0, 1)), (Edge(a), Edge(b)))
    order = [v.digest for v in topological([Edge(top), Edge(a)])]
    assert order == [base.vertex.digest, a.digest, b.digest, top.digest]
    rows = describe([Edge(top)])
    assert rows[-1] == {"targets": [[3, 0]]} and rows[3]["inputs"] == [[1, 0], [2, 0]]


def test_explain_names_the_field():
    before = definition_key(CacheMap({"args": ["sh", "-c", "make"]}, (InputKey(),)), ("sha256:a",))
    after = definition_key(CacheMap({"args": ["sh", "-c", "make all"]}, (InputKey(),)), ("sha256:a",))
    assert before.digest != after.digest
    assert explain(before.preimage, after.preimage) == ['work.args.2: "make" -> "make all"']
    assert explain(before.preimage, before.preimage) == []


def test_explain_names_the_directory_that_changed():
    work = CacheMap({"copy": "."}, (InputKey(), InputKey()))
    keys = [content_key(work, ("sha256:a", Content(d, (("README", "1"), ("src", d))))) for d in ("old", "new")]
    said = explain(keys[0].preimage, keys[1].preimage)
    assert said == ['inputs.1.content: "old" -> "new"', 'inputs.1.parts.src: "old" -> "new"']


def test_explain_shows_what_came_and_went():
    assert explain(make_key({"a": [1]}).preimage, make_key({"a": [1, 2]}).preimage) == ["a.1: absent -> 2"]
