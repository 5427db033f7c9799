"""The records of the store that the doors show, named where doors may import them from."""

from __future__ import annotations

from scow.store.containers import ContainerRecord
from scow.store.images import ImageRecord

__all__ = ["ContainerRecord", "ImageRecord"]
