"""The table that moves vertices."""

from __future__ import annotations

import itertools

import pytest

from scow.build.states import RULES, Action, Goal, Situation, State, next_rule

ALL = [
    Situation(state, goal, identified, slow, hit)
    for state, goal, identified, slow, hit in itertools.product(State, Goal, *[(False, True)] * 3)
]


@pytest.mark.parametrize("state", [s for s in State if s is not State.DONE])
def test_wanting_a_result_always_leads_on(state):
    for s in ALL:
        possible = s.state is not State.CONTENT or s.slow
        if s.state is state and s.goal is Goal.RESULT and possible:
            rule = next_rule(s)
            assert rule is not None and rule.to > s.state


def test_nothing_moves_unasked_or_when_done():
    for s in ALL:
        if s.goal is Goal.NOTHING or s.state is State.DONE:
            assert next_rule(s) is None


def test_a_key_alone_never_loads_or_runs():
    for s in ALL:
        rule = next_rule(s)
        if s.goal is Goal.KEY and rule:
            assert rule.action in (Action.DEFINE, Action.FINGERPRINT)


def test_a_hit_is_never_run_and_a_miss_never_loaded():
    for s in ALL:
        rule = next_rule(s)
        if rule and s.state in (State.DEFINED, State.CONTENT):
            assert (rule.action is Action.LOAD) <= s.hit
            assert (rule.action in (Action.RUN, Action.FINGERPRINT)) <= (not s.hit)


def test_states_only_grow():
    assert all(r.to > r.state for r in RULES)
