"""What is done to a new root: one small value per kind of step.

A step ``describe``s itself in a line and ``execute``s on a ``Root``. Steps run in the container's own mount namespace,
as its root, before ``pivot_root``: the host's paths are still there, and the container's are only ever reached through
``Root``, by descriptor. A step that needs the host's mount namespace as well (a bind mount has to be copied where its
source is mounted) has a method ``prepare(root)``, which runs before the namespace is made.
"""
