"""The life of a vertex while it is solved: four states, moved by one table.

    NEW ──define──▶ DEFINED ──fingerprint──▶ CONTENT ──load or run──▶ DONE
                       └──────────load or run────────────────────────▶

``define`` computes the definition key and looks it up, ``fingerprint`` the content key, ``load`` takes the stored
result, ``run`` does the work. A vertex only moves as far as somebody wants: with ``Goal.KEY`` a dependant needs its
identity, with ``Goal.RESULT`` its result. So a build whose last vertex is a hit by definition looks at no file.
"""

from __future__ import annotations

import enum

from scow.values import value


class State(enum.IntEnum):
    """How much is known of a vertex."""

    NEW = 0
    DEFINED = 1
    CONTENT = 2
    DONE = 3


class Goal(enum.IntEnum):
    """How much somebody wants to know."""

    NOTHING = 0
    KEY = 1
    RESULT = 2


class Action(enum.Enum):
    """What a worker does to move a vertex on."""

    DEFINE = "define"
    FINGERPRINT = "fingerprint"
    LOAD = "load"
    RUN = "run"


class Needs(enum.Enum):
    """What has to be known of the inputs before."""

    NOTHING = "nothing"
    KEYS = "identities of all inputs"
    READ = "results of the inputs whose content is read"
    RESULTS = "results of all inputs"


@value
class Situation:
    """What a rule looks at. ``identified``: the identity is known; ``slow``: some input's content counts; ``hit``: a
    result is stored.
    """

    state: State
    goal: Goal
    identified: bool = False
    slow: bool = False
    hit: bool = False


@value
class Rule:
    """In ``state``, if the fields that are not None agree: once ``needs`` are met, do ``action`` and be in ``to``."""

    state: State
    action: Action
    needs: Needs
    to: State
    goal: Goal = Goal.KEY
    """At least this much is wanted."""
    identified: bool | None = None
    slow: bool | None = None
    hit: bool | None = None

    def fits(self, s: Situation) -> bool:
        """Whether the rule is for this situation."""
        asked = ((self.identified, s.identified), (self.slow, s.slow), (self.hit, s.hit))
        return self.state == s.state and s.goal >= self.goal and all(a is None or a == b for a, b in asked)


RULES = (
    Rule(State.NEW, Action.DEFINE, Needs.KEYS, State.DEFINED),
    Rule(State.DEFINED, Action.LOAD, Needs.NOTHING, State.DONE, Goal.RESULT, hit=True),
    Rule(
        State.DEFINED, Action.FINGERPRINT, Needs.READ, State.CONTENT, Goal.KEY, identified=False, slow=True, hit=False
    ),
    Rule(State.DEFINED, Action.FINGERPRINT, Needs.READ, State.CONTENT, Goal.RESULT, slow=True, hit=False),
    Rule(State.DEFINED, Action.RUN, Needs.RESULTS, State.DONE, Goal.RESULT, slow=False, hit=False),
    Rule(State.CONTENT, Action.LOAD, Needs.NOTHING, State.DONE, Goal.RESULT, hit=True),
    Rule(State.CONTENT, Action.RUN, Needs.RESULTS, State.DONE, Goal.RESULT, hit=False),
)
"""The whole scheduler. The first rule that fits is taken; if none does, nobody wants more than there is."""


def next_rule(s: Situation) -> Rule | None:
    """The rule for a situation."""
    return next((r for r in RULES if r.fits(s)), None)
