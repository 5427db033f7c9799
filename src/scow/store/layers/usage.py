"""How much disk a tree takes."""

from __future__ import annotations

import os


def content_size(path: str) -> int:
    """Bytes in the files below ``path``, directories not counted: the size docker shows of what a container changed."""
    total, pending = 0, [path]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def tree_usage(path: str) -> int:
    """Bytes of all blocks below ``path``; hard links count once, mounts are not entered."""
    top = os.lstat(path)
    seen: set[int] = set()
    total = 512 * top.st_blocks
    pending = [path]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    s = entry.stat(follow_symlinks=False)
                    if s.st_dev != top.st_dev or (s.st_nlink > 1 and s.st_ino in seen):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif s.st_nlink > 1:
                        seen.add(s.st_ino)
                    total += 512 * s.st_blocks
        except OSError:  # gone meanwhile, or too deep to name: not worth more
            continue
    return total
