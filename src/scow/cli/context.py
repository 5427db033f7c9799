"""What a command is handed: the chosen store, opened only when asked for, and the streams."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.engine import Engine
    from scow.engine.container.early import Handle


class Context:
    """One call's surroundings. ``engine`` opens the store at first use and ``close`` lets go of it."""

    def __init__(self, root: str | None, debug: bool = False) -> None:
        self.root = root or os.environ.get("SCOW_ROOT") or None
        self.debug = debug
        self._engine: Engine | None = None
        self.supervisor: Handle | None = None
        """Of ``run`` alone: a supervisor that was started before anything else; whoever uses it takes it from here."""

    @property
    def engine(self) -> Engine:
        """The engine over the chosen store."""
        if self._engine is None:
            from scow.engine import open_engine

            self._engine = open_engine(self.root)
        return self._engine

    def close(self) -> None:
        """Close what was opened, and dismiss a supervisor that nobody has used."""
        if self.supervisor is not None:
            self.supervisor.cancel()
            self.supervisor = None
        if self._engine is not None:
            self._engine.close()
            self._engine = None
