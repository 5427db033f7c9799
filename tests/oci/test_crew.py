from __future__ import annotations

import threading
import time

import pytest

from scow.errors import Unavailable
from scow.oci.crew import Crew, Stopped


@pytest.mark.parametrize("jobs", [0, 1, 2, 8])
def test_all_tasks_are_done_also_added_ones(jobs: int) -> None:
    crew, done = Crew(jobs), []

    def task(depth: int) -> None:
        done.append(depth)
        if depth:
            for _ in range(3):
                crew.add(lambda: task(depth - 1))

    crew.add(lambda: task(5))
    crew.run()
    assert len(done) == sum(3**n for n in range(6))


def test_nothing_to_do() -> None:
    Crew(4).run()


def test_threads_work_at_once_and_no_more_than_asked() -> None:
    crew, together = Crew(4), threading.Barrier(4)
    names: set[int] = set()

    def meet() -> None:
        together.wait(10)

    def sleep() -> None:
        time.sleep(0.001)
        names.add(threading.get_ident())

    for _ in range(8):
        crew.add(meet)
    crew.run()
    crew = Crew(3)
    for _ in range(50):
        crew.add(sleep)
    crew.run()
    assert len(names) <= 3


def test_the_first_error_stops_the_others() -> None:
    crew, seen = Crew(4), []

    def long() -> None:
        try:
            while True:
                crew.check()
                time.sleep(0.001)
        except Stopped:
            seen.append("stopped")
            raise

    def fail() -> None:
        time.sleep(0.02)
        raise Unavailable("no such host")

    for task in (long, long, fail):
        crew.add(task)
    for _ in range(100):
        crew.add(lambda: seen.append("late"))
    with pytest.raises(Unavailable, match="no such host"):
        crew.run()
    assert seen.count("stopped") == 2
    assert threading.active_count() == 1


def test_an_interrupt_is_passed_on() -> None:
    crew = Crew(2)

    def interrupt() -> None:
        raise KeyboardInterrupt

    crew.add(interrupt)
    with pytest.raises(KeyboardInterrupt):
        crew.run()


def test_without_threads_one_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    crew, done = Crew(4), []
    for i in range(5):
        crew.add(lambda i=i: done.append(i))  # type: ignore[misc]
    crew.run()
    assert done == [0, 1, 2, 3, 4]
