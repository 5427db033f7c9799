"""Work that overlaps, fails, is cancelled, or is asked for twice at once."""

from __future__ import annotations

import multiprocessing
import threading
import time

import pytest

from scow import errors
from scow.build.cache import Flights
from scow.build.graph import Edge, Hints, Lines, SourceFile, Vertex
from scow.build.jobs import Cancel
from scow.build.ops import SourceOp


def test_waiting_overlaps(lab):
    stages = [lab.vertex(f"s{n}", sleep=0.3) for n in range(4)]
    began = time.monotonic()
    lab.solve(lab.vertex("join", *stages))
    assert time.monotonic() - began < 0.6


def test_layer_under_way_does_not_hold_the_next_step(lab):
    a = lab.vertex("a", pending=0.3)
    order = []
    b = lab.vertex("b", a)
    began = time.monotonic()
    (result,) = lab.solve(b)
    runs = [c for c in lab.calls if c[0] == "run"]
    order.append(time.monotonic() - began)
    assert runs == [("run", "a"), ("run", "b")] and order[0] >= 0.25, "the solve ends when the record is written"
    assert len(result.settled()) == 2
    lab.solve(lab.vertex("b", lab.vertex("a", pending=0.3)))
    assert lab.ran() == []


def test_layer_that_fails_to_be_written_fails_the_solve(lab):
    a = lab.vertex("a", pending=0.05, broken=errors.Corrupt("layer broken"))
    with pytest.raises(errors.Corrupt, match="failed to solve: layer broken"):
        lab.solve(lab.vertex("b", a))
    lab.behaviour["a"].pop("broken")
    lab.solve(lab.vertex("b", lab.vertex("a", pending=0.01)))
    assert lab.ran() == ["a", "b"]


def test_first_error_cancels_the_rest_and_names_the_vertex(lab):
    long = lab.vertex("long", sleep=20)
    text = SourceFile("Dockerfile", b"FROM busybox\nRUN true\nRUN false\nRUN x\nRUN y\nRUN z\n")
    bad = lab.vertex("bad", sleep=0.3, fail='process "/bin/sh -c false" did not complete successfully: exit code: 1')
    bad = Vertex(bad.op, bad.inputs, Hints("[2/3] RUN false", lines=(Lines(3, 3),), file=text))
    began = time.monotonic()
    with pytest.raises(errors.Invalid) as caught:
        lab.solve(lab.vertex("join", long, bad))
    assert time.monotonic() - began < 5
    said = 'failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1'
    assert str(caught.value) == said
    rule = "--------------------"
    shown = [
        "   1 |     FROM busybox",
        "   2 |     RUN true",
        "   3 | >>> RUN false",
        "   4 |     RUN x",
        "   5 |     RUN y",
    ]
    excerpt = "\n".join(["Dockerfile:3", rule, *shown, rule])
    assert caught.value.__notes__ == ["vertex: [2/3] RUN false", excerpt]
    assert lab.count("cancelled", "long") == 1
    assert "join" not in lab.ran()
    last = {e.name: e.error for e in lab.events}
    assert last["long"] == "canceled" and last["[2/3] RUN false"].startswith("process")


def test_what_was_done_before_an_error_stays(lab):
    a = lab.vertex("a", pending=0.1)
    with pytest.raises(errors.Invalid):
        lab.solve(lab.vertex("b", a, fail="no"))
    lab.solve(lab.vertex("b", lab.vertex("a")))
    assert lab.ran() == ["b"]


def test_error_while_a_key_is_asked(lab):
    def runners(vertex):
        raise errors.Unsupported(f"no runner for {vertex.op.identifier}")

    with pytest.raises(errors.Unsupported, match="failed to solve: no runner for fake://a"):
        lab.solve(lab.vertex("a"), runners=runners)


def test_a_bug_is_raised_not_swallowed(lab):
    with pytest.raises(errors.Error, match="failed to solve: boom") as caught:
        lab.solve(lab.vertex("a", fail=ZeroDivisionError("boom")))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_interrupt_stops_everything(lab):
    with pytest.raises(KeyboardInterrupt):
        lab.solve(lab.vertex("a", fail=KeyboardInterrupt()))
    assert lab.solver.cancel.is_set()


def test_cancel_from_outside(lab):
    def stop():
        while not lab.count("run", "a"):
            time.sleep(0.01)
        lab.solver.cancel.set()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(errors.Unavailable, match="canceled"):
        lab.solve(lab.vertex("a", sleep=20))
    thread.join()


def test_two_solvers_of_one_store_share_the_work(lab, new_lab):
    other = new_lab()
    other.cache, other.layers = lab.cache, lab.layers
    results = {}

    def build(name, who):
        results[name] = who.solve(who.vertex("top", who.vertex("slow", sleep=0.2, pending=0.1)))[0].settled()

    threads = [threading.Thread(target=build, args=a) for a in (("one", lab), ("two", other))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results["one"] == results["two"]
    assert sorted(lab.ran() + other.ran()) == ["slow", "top"]


def test_failed_work_is_tried_by_the_one_who_waited(lab, new_lab):
    other = new_lab()
    other.cache, other.layers = lab.cache, lab.layers
    caught = []

    def build():
        try:
            lab.solve(lab.vertex("a", sleep=0.2, fail="no"))
        except errors.Invalid as e:
            caught.append(e)

    thread = threading.Thread(target=build)
    thread.start()
    while not lab.count("run"):
        time.sleep(0.005)
    other.solve(other.vertex("a"))
    thread.join()
    assert caught and other.ran() == ["a"]


def _hold(directory, entered, leave):
    flight = Flights(directory).enter("sha256:aa", Cancel())
    entered.set()
    leave.wait(10)
    flight.leave()


def test_flights_hold_between_processes(tmp_path):
    fork = multiprocessing.get_context("fork")
    entered, leave = fork.Event(), fork.Event()
    child = fork.Process(target=_hold, args=(str(tmp_path), entered, leave))
    child.start()
    assert entered.wait(10)
    threading.Timer(0.15, leave.set).start()
    began = time.monotonic()
    flight = Flights(str(tmp_path)).enter("sha256:aa", Cancel())
    assert time.monotonic() - began > 0.1
    flight.leave()
    child.join()
    assert list(tmp_path.iterdir()) == []


def test_flight_of_a_killed_process_is_free(tmp_path):
    fork = multiprocessing.get_context("fork")
    entered, leave = fork.Event(), fork.Event()
    child = fork.Process(target=_hold, args=(str(tmp_path), entered, leave))
    child.start()
    assert entered.wait(10)
    child.kill()
    child.join()
    flight = Flights(str(tmp_path)).enter("sha256:aa", Cancel())
    flight.leave()


def test_waiting_for_a_flight_can_be_cancelled(tmp_path):
    flights, cancel = Flights(str(tmp_path)), Cancel()
    flight = flights.enter("k", Cancel())
    threading.Timer(0.05, cancel.set).start()
    with pytest.raises(errors.Unavailable):
        flights.enter("k", cancel)
    flight.leave()
    flights.enter("k", Cancel()).leave()


def test_cancel_calls_what_was_registered_once():
    cancel, called = Cancel(), []
    forget = cancel.register(lambda: called.append("forgotten"))
    forget()
    cancel.register(lambda: called.append("a"))
    cancel.set()
    cancel.set()
    cancel.register(lambda: called.append("late"))
    assert called == ["a", "late"]


def test_edges_of_a_vertex_with_no_such_output(lab):
    v = Vertex(SourceOp("fake://a"))
    lab.behaviour["a"] = {"reads": ()}
    with pytest.raises(IndexError):
        lab.solve(Edge(v, 3))


def test_stages_that_are_copied_from_one_after_the_other_run_at_once(lab):
    """COPY --from=a, --from=b ...: the second copy's key needs the first's content, but its stage can already run."""
    top = lab.vertex("base", source=True)
    for n in range(4):
        top = lab.vertex(f"copy{n}", top, lab.vertex(f"stage{n}", sleep=0.3), reads=(1,))
    began = time.monotonic()
    lab.solve(top)
    assert time.monotonic() - began < 0.9


def test_wide_and_deep_diamonds_are_looked_at_once(lab):
    """2^200 paths lead from top to bottom."""
    left = right = lab.vertex("base", source=True)
    for n in range(200):
        left, right = lab.vertex(f"l{n}", left, right), lab.vertex(f"r{n}", left, right)
    lab.solve(left, right)
    assert len(lab.ran()) == 401
