"""The OCI runtime specification's config.json, for type checkers (runtime-spec config.md and config-linux.md).

At run time a spec is a plain ``dict``: import these names under ``if TYPE_CHECKING:``. All keys are optional here, as
almost all are there; ``runtime`` says what it misses.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    class User(TypedDict, total=False):
        """Who the process is."""

        uid: int
        gid: int
        umask: int
        additionalGids: list[int]
        username: str

    class ConsoleSize(TypedDict):
        """Of a terminal, in characters."""

        height: int
        width: int

    class Rlimit(TypedDict):
        """``type`` is ``RLIMIT_...``."""

        type: str
        soft: int
        hard: int

    class Capabilities(TypedDict, total=False):
        """Names are ``CAP_...``."""

        bounding: list[str]
        effective: list[str]
        inheritable: list[str]
        permitted: list[str]
        ambient: list[str]

    class Process(TypedDict, total=False):
        """What the container runs."""

        terminal: bool
        consoleSize: ConsoleSize
        user: User
        args: list[str]
        env: list[str]
        cwd: str
        capabilities: Capabilities
        rlimits: list[Rlimit]
        noNewPrivileges: bool
        apparmorProfile: str
        oomScoreAdj: int
        selinuxLabel: str
        ioPriority: dict[str, Any]
        scheduler: dict[str, Any]
        execCPUAffinity: dict[str, str]

    class Root(TypedDict, total=False):
        """The root file system."""

        path: str
        readonly: bool

    class IdMapping(TypedDict):
        """One line of ``/proc/PID/uid_map``."""

        containerID: int
        hostID: int
        size: int

    class Mount(TypedDict, total=False):
        """One mount below the root, in order."""

        destination: str
        type: str
        source: str
        options: list[str]
        uidMappings: list[IdMapping]
        gidMappings: list[IdMapping]

    class Hook(TypedDict, total=False):
        """A program run at a point of the container's life; ``timeout`` in seconds."""

        path: str
        args: list[str]
        env: list[str]
        timeout: int

    class Hooks(TypedDict, total=False):
        """Hooks by that point."""

        prestart: list[Hook]
        createRuntime: list[Hook]
        createContainer: list[Hook]
        startContainer: list[Hook]
        poststart: list[Hook]
        poststop: list[Hook]

    class Namespace(TypedDict, total=False):
        """``type`` is pid, network, mount, ipc, uts, user, cgroup or time; ``path`` joins an existing one."""

        type: str
        path: str

    class Device(TypedDict, total=False):
        """A device node to make."""

        type: str
        path: str
        major: int
        minor: int
        fileMode: int
        uid: int
        gid: int

    class DeviceRule(TypedDict, total=False):
        """What the device cgroup allows."""

        allow: bool
        type: str
        major: int
        minor: int
        access: str

    class Memory(TypedDict, total=False):
        """Limits in bytes."""

        limit: int
        reservation: int
        swap: int
        swappiness: int
        disableOOMKiller: bool

    class Cpu(TypedDict, total=False):
        """Times in microseconds."""

        shares: int
        quota: int
        burst: int
        period: int
        realtimeRuntime: int
        realtimePeriod: int
        cpus: str
        mems: str
        idle: int

    class Resources(TypedDict, total=False):
        """Limits of the cgroup."""

        devices: list[DeviceRule]
        memory: Memory
        cpu: Cpu
        pids: dict[str, int]
        blockIO: dict[str, Any]
        hugepageLimits: list[dict[str, Any]]
        network: dict[str, Any]
        rdma: dict[str, Any]
        unified: dict[str, str]

    class SyscallArg(TypedDict, total=False):
        """A comparison with one argument of a system call."""

        index: int
        value: int
        valueTwo: int
        op: str

    class SyscallRule(TypedDict, total=False):
        """What happens to these system calls."""

        names: list[str]
        action: str
        errnoRet: int
        args: list[SyscallArg]

    class Seccomp(TypedDict, total=False):
        """The filter of system calls."""

        defaultAction: str
        defaultErrnoRet: int
        architectures: list[str]
        flags: list[str]
        listenerPath: str
        listenerMetadata: str
        syscalls: list[SyscallRule]

    class Linux(TypedDict, total=False):
        """What only Linux has."""

        uidMappings: list[IdMapping]
        gidMappings: list[IdMapping]
        sysctl: dict[str, str]
        resources: Resources
        cgroupsPath: str
        namespaces: list[Namespace]
        devices: list[Device]
        seccomp: Seccomp
        rootfsPropagation: str
        maskedPaths: list[str]
        readonlyPaths: list[str]
        mountLabel: str
        intelRdt: dict[str, Any]
        personality: dict[str, Any]
        timeOffsets: dict[str, dict[str, int]]

    class Spec(TypedDict, total=False):
        """The whole config.json."""

        ociVersion: str
        root: Root
        process: Process
        hostname: str
        domainname: str
        mounts: list[Mount]
        hooks: Hooks
        annotations: dict[str, str]
        linux: Linux
