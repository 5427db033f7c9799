"""The supervisor: the small process that owns one container. Run as a script by ``scow.runtime.handle.prestart``.

This file only finds the package; what runs is compiled once and for all in ``scow.runtime.monitor``.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from scow.runtime.monitor import main

    main()
