"""Go's text/template, as far as users of ``--format`` write it (https://pkg.go.dev/text/template).

    Template('{{.Names}}: {{json .Mounts}}').render(data)

Data are plain dicts, lists, texts, numbers, booleans and None. Actions: pipelines, variables, ``if``, ``range`` (with
``break``, ``continue``, ``else``), ``with``, ``define``, ``template``, ``block``, comments, trim markers. Functions:
Go's own and docker's (``json``, ``split``, ``join``, ``title``, ``lower``, ``upper``, ``pad``, ``truncate``).
"""

from __future__ import annotations

from scow.cli.template.execute import Execution
from scow.cli.template.parse import Parsed, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Template:
    """A parsed template. Invalid is raised for bad syntax, and by ``render`` for a field that does not exist."""

    def __init__(self, text: str) -> None:
        self._parsed: Parsed = parse(text)

    def render(self, data: Any) -> str:
        """The text the template makes of ``data``."""
        return Execution(self._parsed, data).run()
