"""``(did you mean FROM?)``: the nearest known word, at most two edits away."""

from __future__ import annotations

from collections.abc import Iterable

MAX_EDITS = 2


def distance(a: str, b: str) -> int:
    """Levenshtein distance."""
    if abs(len(a) - len(b)) > MAX_EDITS:
        return abs(len(a) - len(b))
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def nearest(word: str, options: Iterable[str], *, exact_case: bool = True) -> str:
    """The best option, or nothing when none is near or ``word`` itself is one of them."""
    wanted = word if exact_case else word.lower()
    best, edits = "", MAX_EDITS + 1
    for option in options:
        known = option if exact_case else option.lower()
        if known == wanted:
            return ""
        steps = distance(wanted, known)
        if steps < edits:
            best, edits = known, steps
    if exact_case or word == word.lower():
        return best
    return best.upper() if word == word.upper() else best


def suggestion(word: str, options: Iterable[str], *, exact_case: bool = True) -> str:
    """The text to append to an error, or nothing."""
    match = nearest(word, options, exact_case=exact_case)
    return f" (did you mean {match}?)" if match else ""
