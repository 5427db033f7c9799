"""Go's fmt.Sprintf for the verbs and flags that templates use (https://pkg.go.dev/fmt)."""

from __future__ import annotations

import json
import re

from scow.cli.template.show import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d+|\*)?)?(?P<verb>[A-Za-z%])")
WRONG = {"int": "int", "str": "string", "float": "float64", "bool": "bool", "NoneType": "<nil>"}


def _number(verb: str, v: Any, flags: str, precision: int | None) -> str | None:
    if isinstance(v, int) and not isinstance(v, bool) and verb in "dxXobcU":
        if verb == "c":
            return chr(v)
        if verb == "U":
            return f"U+{v:04X}"
        text = format(abs(v), verb)
        if "#" in flags and verb in "xXob":
            text = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}[verb] + text
        return ("-" if v < 0 else "+" if "+" in flags else " " if " " in flags else "") + text
    if isinstance(v, float) and verb in "feEgG":
        text = format(v, f".{6 if precision is None and verb not in 'gG' else (precision or 6)}{verb}")
        return ("+" if "+" in flags and v >= 0 else "") + text
    return None


def _one(verb: str, v: Any, flags: str, precision: int | None) -> str:
    if verb in ("v", "s") and (verb == "v" or isinstance(v, str | list | tuple | dict)):
        text = json.dumps(v, ensure_ascii=False) if verb == "v" and "#" in flags and isinstance(v, str) else show(v)
        return text if precision is None or verb == "v" else text[:precision]
    if verb == "q" and isinstance(v, str):
        return json.dumps(v, ensure_ascii=False)
    if verb == "q" and isinstance(v, list | tuple):
        return "[" + " ".join(json.dumps(str(x), ensure_ascii=False) for x in v) + "]"
    if verb == "t" and isinstance(v, bool):
        return show(v)
    if verb in "xX" and isinstance(v, str):
        return v.encode().hex() if verb == "x" else v.encode().hex().upper()
    if verb == "T":
        return WRONG.get(type(v).__name__, "interface {}")
    number = _number(verb, v, flags, precision)
    if number is not None:
        return number
    return f"%!{verb}({WRONG.get(type(v).__name__, type(v).__name__)}={show(v)})"


def sprintf(form: str, values: tuple[Any, ...]) -> str:
    """Format ``values``; missing, extra and wrong ones are reported in the text, as Go does."""
    rest = list(values)

    def fill(match: re.Match[str]) -> str:
        verb, flags = match["verb"], match["flags"] or ""
        if verb == "%":
            return "%"
        width = int(rest.pop(0)) if match["width"] == "*" and rest else int(match["width"] or 0)
        given = match["precision"]
        precision = (
            (int(rest.pop(0)) if given == "*" and rest else int(given)) if given else (0 if "." in match[0] else None)
        )
        if not rest:
            return f"%!{verb}(MISSING)"
        text = _one(verb, rest.pop(0), flags, precision)
        if "-" in flags:
            return text.ljust(width)
        if "0" in flags and verb not in "sqv":
            sign = text[0] if text[:1] in "+-" else ""
            return sign + text[len(sign) :].rjust(width - len(sign), "0")
        return text.rjust(width)

    out = VERB.sub(fill, form)
    if rest:
        extra = ", ".join(f"{WRONG.get(type(v).__name__, type(v).__name__)}={show(v)}" for v in rest)
        out += f"%!(EXTRA {extra})"
    return out
