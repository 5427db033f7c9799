"""Which vertices run, and which content is read, from build to build: tables of scenarios on fake vertices."""

from __future__ import annotations

import os

import pytest

from scow.build.graph import Edge


def chain(lab, **changes):
    """base <- a <- b"""
    base = lab.vertex("base", source=True)
    a = lab.vertex("a", base, **changes.get("a", {}))
    return lab.vertex("b", a, **changes.get("b", {}))


def slow(lab, content="one", nonce=None):
    """A COPY of a context that is a new one in every build, and a RUN on top."""
    context = lab.vertex("context", source=True, content=content, nonce=nonce or os.urandom(4).hex())
    base = lab.vertex("base", source=True)
    copy = lab.vertex("copy", base, context, reads=(1,))
    return lab.vertex("run", copy)


def diamond(lab):
    base = lab.vertex("base", source=True)
    left, right = lab.vertex("left", base), lab.vertex("right", base)
    return lab.vertex("join", left, right)


@pytest.mark.parametrize(
    ("build", "first", "second"),
    [
        (chain, ["a", "b", "base"], []),
        (slow, ["base", "context", "copy", "run"], ["context"]),
        (diamond, ["base", "join", "left", "right"], []),
    ],
)
def test_second_build_runs_nothing_it_need_not(lab, build, first, second):
    one = lab.solve(build(lab))
    assert lab.ran() == first
    two = lab.solve(build(lab))
    assert lab.ran() == second
    assert [r.settled() for r in one] == [r.settled() for r in two]


def test_hit_by_definition_reads_no_content(lab):
    def graph():
        stage = lab.vertex("stage")
        return lab.vertex("copy", lab.vertex("base", source=True), stage, reads=(1,))

    lab.solve(graph())
    assert lab.count("read") == 1
    lab.solve(graph())
    assert (lab.ran(), lab.count("read")) == ([], 0)


def test_changed_content_runs_what_reads_it_and_what_follows(lab):
    lab.solve(slow(lab))
    lab.solve(slow(lab, content="two"))
    assert lab.ran() == ["base", "context", "copy", "run"]
    lab.solve(slow(lab))
    assert lab.ran() == ["context"], "the first content is still known"


def test_hit_by_content_files_the_definition(lab):
    lab.solve(slow(lab, nonce="x"))
    lab.solve(slow(lab, nonce="y"))
    assert lab.count("read") == 1
    lab.solve(slow(lab, nonce="y"))
    assert lab.count("read") == 0


def test_miss_in_the_middle(lab):
    lab.solve(chain(lab))
    lab.solve(chain(lab, a={"nonce": "new"}))
    assert lab.ran() == ["a", "b", "base"]


def test_top_only(lab):
    lab.solve(chain(lab))
    lab.solve(chain(lab, b={"nonce": "new"}))
    assert lab.ran() == ["b"]


def test_lost_layer_is_made_again(lab):
    (result,) = lab.solve(chain(lab))
    lab.layers.discard(result.settled()[-1])
    lab.solve(chain(lab))
    assert lab.ran() == ["b"]
    lab.layers.discard(result.settled()[0])
    lab.solve(chain(lab))
    assert lab.ran() == ["base"], "with the base image back, what was built on it is whole again"


def test_lost_stage_is_not_made_again_for_a_hit_above(lab):
    def graph():
        stage = lab.vertex("stage", lab.vertex("tools", source=True))
        return lab.vertex("copy", lab.vertex("base", source=True), stage, reads=(1,))

    lab.solve(graph())
    (stage,) = lab.solve(lab.vertex("stage", lab.vertex("tools", source=True)))
    lab.layers.difference_update(stage.settled())
    lab.solve(graph())
    assert lab.ran() == []


def test_drifted_content_is_not_filed_under_the_old_name(lab):
    """A stage whose layer was lost gives other content when it runs again: what is made of it must not be found by
    the old.
    """

    def graph(content, top):
        stage = lab.vertex("stage", content=content)
        copy = lab.vertex("copy", lab.vertex("base", source=True), stage, reads=(1,), content="copy of " + content)
        return lab.vertex("top", copy, nonce=top, content=f"top of {content}")

    (old,) = lab.solve(graph("one", "x"))
    lab.layers.clear()
    lab.solve(graph("two", "y"))
    assert lab.ran() == ["base", "copy", "stage", "top"]
    (new,) = lab.solve(graph("two", "y"))
    assert "top" in lab.ran() and new.settled() != old.settled()
    lab.solve(graph("two", "y"))
    assert lab.ran() == []


@pytest.mark.parametrize("how", ["option", "hint"])
def test_no_cache(lab, how):
    lab.solve(chain(lab))
    if how == "option":
        lab.solve(chain(lab), no_cache=True)
    else:
        lab.solve(chain(lab, a={"no_cache": True}))
    assert lab.ran() == ["a", "b", "base"], "what depends on a forced run is built anew"
    lab.solve(chain(lab))
    assert lab.ran() == [], "and is what is found from then on"


def test_no_cache_of_a_content_reader_is_found_by_content(lab):
    lab.solve(slow(lab), no_cache=True)
    lab.solve(slow(lab))
    assert lab.ran() == ["context"]


def test_equal_vertices_are_one(lab):
    base = lab.vertex("base", source=True)
    again = lab.vertex("base", source=True)
    lab.solve(lab.vertex("a", base), lab.vertex("b", again), lab.vertex("a", again))
    assert lab.ran() == ["a", "b", "base"]
    assert lab.count("map", "base") == 1


def test_vertices_with_one_key_run_once(lab):
    one = lab.vertex("one", alias="same", content="same", sleep=0.05)
    two = lab.vertex("two", alias="same", content="same", sleep=0.05)
    a, b = lab.solve(one, two)
    assert len(lab.ran()) == 1 and a.settled() == b.settled()


def test_outputs_have_their_own_names(lab):
    two = lab.vertex("two", outputs=2)
    lab.solve(lab.vertex("a", Edge(two, 0), alias="same"), lab.vertex("b", Edge(two, 1), alias="same"))
    assert lab.ran() == ["a", "b", "two"]
    lab.solve(lab.vertex("b", Edge(two, 1), alias="same"))
    assert lab.ran() == []


def test_deep_graph(lab):
    def graph():
        v = lab.vertex("base", source=True)
        for n in range(3000):
            v = lab.vertex(f"v{n}", v, content="x")
        return v

    lab.solve(graph())
    assert len(lab.ran()) == 3001
    lab.solve(graph())
    assert lab.ran() == []


def test_events_tell_what_happened(lab):
    lab.solve(chain(lab))
    done = {e.name: e for e in lab.events}
    assert done["a"].started and done["a"].completed >= done["a"].started and not done["a"].cached
    assert done["b"].inputs == (done["a"].vertex,)
    lab.solve(chain(lab))
    assert {e.name: e.cached for e in lab.events} == {"a": True, "b": True}
