"""What the doors ask of the container service: plain values, checked where they are made and again where they are used.

Empty means *not asked*: the image's word or the default holds. Sizes are bytes.
"""

from __future__ import annotations

from scow.values import value


@value
class MountRequest:
    """One ``-v``, ``--mount`` or ``--tmpfs``.

    ``kind``: "bind", "volume" (``source`` "" for an anonymous one) or "tmpfs". ``create``: make a missing bind source
    (``-v`` does, ``--mount`` does not). ``mode``: a tmpfs's permission bits.
    """

    kind: str
    source: str
    target: str
    read_only: bool = False
    propagation: str = ""
    recursive: bool = True
    create: bool = False
    no_copy: bool = False
    size: int = 0
    mode: int | None = None
    options: tuple[str, ...] = ()


@value
class PortRequest:
    """One ``-p``; ``host_port`` 0 asks for a free one."""

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int = 0


@value
class DeviceRequest:
    """One ``--device``; ``access`` is any of r, w and m."""

    source: str
    target: str
    access: str = "rwm"


@value
class Ulimit:
    """One ``--ulimit``; -1 is unlimited."""

    name: str
    soft: int
    hard: int


@value
class Resources:
    """Limits. None: none asked."""

    memory: int | None = None
    memory_swap: int | None = None
    memory_reservation: int | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpus: float | None = None
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids: int | None = None
    oom_score_adj: int | None = None
    shm_size: int | None = None
    ulimits: tuple[Ulimit, ...] = ()


@value
class Security:
    """What the container may do to its host."""

    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    read_only: bool = False
    devices: tuple[DeviceRequest, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    groups: tuple[str, ...] = ()


@value
class Namespaces:
    """Which namespaces are shared: "" (own), "host" or "container:NAME"; ``network`` also "none", "bridge", a name."""

    network: str = "bridge"
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    cgroup: str = ""


@value
class Networking:
    """Names and ports."""

    hostname: str = ""
    domainname: str = ""
    hosts: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    ports: tuple[PortRequest, ...] = ()
    publish_all: bool = False
    expose: tuple[str, ...] = ()


@value
class RestartPolicy:
    """``no``, ``always``, ``unless-stopped`` or ``on-failure`` with at most ``retries`` (0: no bound)."""

    name: str = "no"
    retries: int = 0


@value
class ContainerRequest:
    """All of ``docker create``. ``command`` None: the image's; ``entrypoint`` None: the image's, () : none.

    ``pull``: "missing", "always" or "never".
    """

    image: str
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    name: str = ""
    env: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    tty: bool = False
    stdin: bool = False
    stdin_once: bool = False
    attach: tuple[str, ...] = ("stdout", "stderr")
    init: bool = False
    remove: bool = False
    stop_signal: str = ""
    stop_timeout: int | None = None
    platform: str = ""
    pull: str = "missing"
    mounts: tuple[MountRequest, ...] = ()
    volumes_from: tuple[str, ...] = ()
    resources: Resources = Resources()
    security: Security = Security()
    namespaces: Namespaces = Namespaces()
    networking: Networking = Networking()
    restart: RestartPolicy = RestartPolicy()
    log_driver: str = "json-file"
    log_options: tuple[tuple[str, str], ...] = ()


@value
class ExecRequest:
    """All of ``docker exec``."""

    container: str
    command: tuple[str, ...]
    tty: bool = False
    stdin: bool = False
    detach: bool = False
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    privileged: bool = False
