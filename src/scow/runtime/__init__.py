"""The runtime: an OCI bundle becomes a process, looked after by a supervisor of its own.

Making a container (one call of the command line, or one request of the API):

    from scow.runtime.handle import LogFile, Order, prestart
    from scow.runtime.bundle import Bundle
    from scow.runtime import flags, limits, spec

    handle = prestart()                                  # first thing: the interpreter loads while the caller works
    s = flags.process(spec.default_spec(), ["echo", "hi"])
    handle.create(Order(Bundle(id, s, mounts, directory, state), log=LogFile(path)))
    handle.attach("oe")                                  # before the start: no output is missed
    handle.start()                                       # raises what docker would say, with its exit code
    attach.attach(handle, Streams(-1, 1, 2))             # until it ends: Exit(code, oom_killed)

A container that exists, by its state directory (RUN/containers/<id>):

    recovery.state(directory) -> dict | None             what it is doing, true even if its supervisor was killed
    client.connect(directory) -> Client                  .attach .wait .kill .pause .unpause .resize .exec ...
    client.wait(directory) -> Exit                       also of one that has ended
    top.top(cgroup) -> titles, rows
    recovery.delete(directory)                           after it has ended

Build steps: ``zygote.Zygote().run(bundle, stdin, stdout, stderr) -> exit status``, about 10 ms above the command.

How it is made, for readers: ``plan`` turns a bundle into ``steps``; ``creator`` clones the namespaces; ``init``
executes the steps in them and becomes the program; ``monitor`` is the supervisor, ``workers`` what it forks. It needs
Linux 5.12 (mount_setattr, clone3, pidfd).
"""
