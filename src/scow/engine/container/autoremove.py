"""What a supervisor becomes when its ``--rm`` container has ended and nobody has removed it.

Arguments: ROOT, RUN and the container's id.
"""

from __future__ import annotations

import os
import sys


def main(root: str, run: str, container: str) -> None:
    """Remove the container, if it is still there and has not been started again."""
    from scow.engine.container.remove import remove
    from scow.errors import Conflict, NotFound
    from scow.store import containers as rows
    from scow.store.store import open_store

    with open_store(root, run) as store:
        try:
            remove(store, rows.get(store.state, container), volumes=True)
        except (NotFound, Conflict):
            pass


if __name__ == "__main__":
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.dirname(folder)))]
    main(*sys.argv[1:4])
