"""What the container service is made of. One file a verb; ``scow.engine.containers`` is the facade over them.

A container is a row of the store (its *record*), ROOT/containers/<id>, a prepared snapshot with the same key, and,
while it runs, a supervisor with RUN/containers/<id>. The record comes first and goes last:

    create   record (one transaction) -> directory -> volumes, filled from the image -> snapshot
    remove   supervisor -> RUN directory -> directory -> snapshot -> record -> volumes that were its own

So whatever is killed half-way leaves a container that ``ps -a`` shows, that ``start`` makes whole
(``create.make_ready`` does only what has not been done) and ``rm`` removes; and the record keeps image, layers and
snapshot from collection all the while, without a lease. Only the volume of a container whose removal was killed at
the very end can be left over.

The record's ``config`` document holds docker's own shapes: ``Config`` and ``HostConfig`` as ``inspect`` shows them
(of the latter only what differs from the defaults), and ``Mounts``. A start makes the runtime's spec of these, so
nothing of the request has to be kept besides.
"""
