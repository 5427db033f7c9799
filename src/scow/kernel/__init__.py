"""Linux, and nothing of containers: system calls through ctypes, with one way to raise.

- ``syscall``, ``syscall_numbers``: libc, raw calls, ``oserror``; the numbers of four architectures
- ``mount``, ``mount_fd``, ``mount_calls``, ``mount_options``, ``overlay``, ``mountinfo``: the value ``Mount`` and what
  makes it real: the new mount API with mount(2) behind it, option words, overlays of up to 500 layers
- ``namespaces``, ``process``, ``capabilities``: clone3, setns, pidfds; what a process sets on itself before execve
- ``cgroup`` and ``cgroup_*``: limits, freezing, killing and usage behind one protocol; device rules in eBPF
- ``seccomp``: an OCI profile compiled to BPF
- ``openat``, ``files``, ``loop``: paths inside a root; cloning, holes, statx, renames; loop devices
- ``netlink``, ``rtnetlink``: links, addresses and routes; ``nftables``, ``nft_expressions``: tables, chains and rules;
  ``conntrack``: forgetting tracked flows

Import the module you need: nothing is imported here.
"""
