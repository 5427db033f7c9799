"""What the container service is made of. One file a verb; ``scow.engine.containers`` is the facade over them.

A container is a row of the store (its *record*), a prepared snapshot with the same key, ROOT/containers/<id>, and, while
it runs, a supervisor with RUN/containers/<id>. They appear in this order and go in the reverse one:

    create   lease on the snapshot -> snapshot -> directory -> record (one transaction)
    remove   supervisor -> record (one transaction) -> network -> RUN directory -> directory -> snapshot -> volumes

The record decides: a container exists if and only if its record does. A create that is killed leaves directories without
a record, and a remove that is killed leaves them too; ``sweep.sweep`` deletes those (any later ``create``, ``rm`` or
``prune`` calls it when it sees one), and garbage collection takes the snapshot.

The record's ``config`` document holds docker's own shapes: ``Config`` and ``HostConfig`` as ``inspect`` shows them (of the
latter only what differs from the defaults), and ``Mounts``. A start makes the runtime's spec of these, so nothing of the
request has to be kept besides.
"""
