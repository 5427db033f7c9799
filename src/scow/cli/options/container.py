"""The flags ``run`` and ``create`` share, and the request they make."""

from __future__ import annotations

from scow.cli.command import Flag, boolean, integer, refused, repeated, string
from scow.cli.flags import UsageError
from scow.cli.options.environment import environment, labels, pairs
from scow.cli.options.limits import device, resources, restart, sysctl
from scow.cli.options.mounts import mounts
from scow.cli.options.network import add_host, dns, publish, shared
from scow.engine.requests import ContainerRequest, Namespaces, Networking, Security
from scow.errors import Invalid, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.flags import Args

STREAMS = ("stdin", "stdout", "stderr")

FLAGS = (
    repeated("add-host", "Add a custom host-to-IP mapping (host:ip)"),
    repeated("annotation", "Add an annotation to the container (passed through to the OCI runtime)", kind="map"),
    repeated("attach", "Attach to STDIN, STDOUT or STDERR", "a"),
    repeated("cap-add", "Add Linux capabilities"),
    repeated("cap-drop", "Drop Linux capabilities"),
    string("cgroupns", "Cgroup namespace to use (host|private)"),
    string("cidfile", "Write the container ID to the file"),
    integer("cpu-period", "Limit CPU CFS (Completely Fair Scheduler) period"),
    integer("cpu-quota", "Limit CPU CFS (Completely Fair Scheduler) quota"),
    integer("cpu-shares", "CPU shares (relative weight)", "c"),
    string("cpus", "Number of CPUs", kind="decimal"),
    string("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)"),
    string("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)"),
    repeated("device", "Add a host device to the container"),
    repeated("dns", "Set custom DNS servers"),
    repeated("dns-option", "Set DNS options"),
    repeated("dns-search", "Set custom DNS search domains"),
    string("domainname", "Container NIS domain name"),
    string("entrypoint", "Overwrite the default ENTRYPOINT of the image"),
    repeated("env", "Set environment variables", "e"),
    repeated("env-file", "Read in a file of environment variables"),
    repeated("expose", "Expose a port or a range of ports"),
    repeated("group-add", "Add additional groups to join"),
    string("hostname", "Container host name", "h"),
    boolean("init", "Run an init inside the container that forwards signals and reaps processes"),
    boolean("interactive", "Keep STDIN open even if not attached", "i"),
    string("ipc", "IPC mode to use"),
    repeated("label", "Set meta data on a container", "l"),
    repeated("label-file", "Read in a line delimited file of labels"),
    string("log-driver", "Logging driver for the container (json-file or none)"),
    repeated("log-opt", "Log driver options"),
    string("memory", "Memory limit", "m", kind="bytes"),
    string("memory-reservation", "Memory soft limit", kind="bytes"),
    string("memory-swap", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
    repeated("mount", "Attach a filesystem mount to the container", kind="mount"),
    string("name", "Assign a name to the container"),
    string("network", "Connect a container to a network (none, host, bridge, container:NAME)", kind="network"),
    Flag("net", "network", "Connect a container to a network", default="", hidden=True),
    integer("oom-score-adj", "Tune host's OOM preferences (-1000 to 1000)"),
    string("pid", "PID namespace to use"),
    integer("pids-limit", "Tune container pids limit (set -1 for unlimited)"),
    string("platform", "Set platform if server is multi-platform capable"),
    boolean("privileged", "Give extended privileges to this container"),
    repeated("publish", "Publish a container's port(s) to the host", "p"),
    boolean("publish-all", "Publish all exposed ports to random ports", "P"),
    string("pull", 'Pull image before running ("always", "missing", "never")', default="missing"),
    boolean("quiet", "Suppress the pull output", "q"),
    boolean("read-only", "Mount the container's root filesystem as read only"),
    string("restart", "Restart policy to apply when a container exits", default="no"),
    boolean("rm", "Automatically remove the container and its associated anonymous volumes when it exits"),
    repeated("security-opt", "Security Options"),
    string("shm-size", "Size of /dev/shm", kind="bytes"),
    string("stop-signal", "Signal to stop the container"),
    integer("stop-timeout", "Timeout (in seconds) to stop a container"),
    repeated("sysctl", "Sysctl options", kind="map"),
    repeated("tmpfs", "Mount a tmpfs directory"),
    boolean("tty", "Allocate a pseudo-TTY", "t"),
    repeated("ulimit", "Ulimit options", kind="ulimit"),
    string("user", "Username or UID (format: <name|uid>[:<group|gid>])", "u"),
    string("userns", "User namespace to use (host)"),
    string("uts", "UTS namespace to use"),
    repeated("volume", "Bind mount a volume", "v"),
    repeated("volumes-from", "Mount volumes from the specified container(s)"),
    string("workdir", "Working directory inside the container", "w"),
)

REFUSED = refused(
    "blkio-weight", "blkio-weight-device", "cgroup-parent", "cpu-rt-period", "cpu-rt-runtime", "device-cgroup-rule",
    "device-read-bps", "device-read-iops", "device-write-bps", "device-write-iops", "disable-content-trust!", "gpus",
    "health-cmd", "health-interval", "health-retries", "health-start-interval", "health-start-period",
    "health-timeout", "ip", "ip6", "isolation", "kernel-memory", "link", "link-local-ip", "mac-address",
    "memory-swappiness", "network-alias", "no-healthcheck!", "oom-kill-disable!", "runtime", "storage-opt",
    "use-api-socket!", "volume-driver",
)  # fmt: skip


def attached(args: Args) -> tuple[str, ...]:
    """The streams of ``-a``, lower case, each once."""
    found = []
    for text in args.all("attach"):
        if text.lower() not in STREAMS:
            raise UsageError(
                f'invalid argument "{text}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR'
            )
        found.append(text.lower())
    return tuple(dict.fromkeys(found))


def _networking(args: Args) -> Networking:
    return Networking(
        hostname=args.text("hostname"),
        domainname=args.text("domainname"),
        hosts=tuple(add_host(t) for t in args.all("add-host")),
        dns=tuple(dns(t) for t in args.all("dns")),
        dns_search=args.all("dns-search"),
        dns_options=args.all("dns-option"),
        ports=tuple(p for t in args.all("publish") for p in publish(t)),
        publish_all=args.on("publish-all"),
        expose=args.all("expose"),
    )


def _namespaces(args: Args) -> Namespaces:
    network = args.text("network") or args.text("net") or "bridge"
    cgroup = args.text("cgroupns")
    if cgroup not in ("", "host", "private"):
        raise Invalid("--cgroupns: invalid CGROUP mode")
    if args.text("userns") not in ("", "host"):
        raise Unsupported(f"scow run does not support --userns {args.text('userns')}", hint="rootless comes later")
    ipc = args.text("ipc")
    if ipc not in ("", "host", "private", "shareable", "none") and not ipc.startswith("container:"):
        raise Invalid(f"invalid IPC mode: {ipc}")
    if ipc == "shareable":
        raise Unsupported("scow run does not support --ipc shareable", hint="share the host's with --ipc host")
    return Namespaces(
        network="bridge" if network == "default" else network,
        pid=shared(args.text("pid"), "pid", "PID"),
        ipc="" if ipc == "private" else ipc,
        uts=shared(args.text("uts"), "uts", "UTS"),
        cgroup=cgroup,
    )


def _security(args: Args) -> Security:
    return Security(
        privileged=args.on("privileged"),
        cap_add=args.all("cap-add"),
        cap_drop=args.all("cap-drop"),
        options=args.all("security-opt"),
        read_only=args.on("read-only"),
        devices=tuple(device(t) for t in args.all("device")),
        sysctls=tuple(sysctl(t) for t in args.all("sysctl")),
        groups=args.all("group-add"),
    )


def _log_driver(args: Args) -> str:
    driver = args.text("log-driver") or "json-file"
    if driver not in ("json-file", "none"):
        raise Unsupported(f"scow run does not support the log driver {driver}", hint="use json-file or none")
    return driver


def container_request(args: Args, *, detach: bool = False) -> ContainerRequest:
    """The request of one ``run`` or ``create``; errors: Invalid and UsageError in docker's words."""
    policy = restart(args.text("restart"))
    if args.on("rm") and policy.name != "no":
        raise Invalid("conflicting options: cannot specify both --restart and --rm")
    if args.text("pull") not in ("always", "missing", "never"):
        raise Invalid(f'invalid pull option: \'{args.text("pull")}\': must be one of "always", "missing" or "never"')
    entrypoint: tuple[str, ...] | None = None
    if "entrypoint" in args.given:
        entrypoint = (args.text("entrypoint"),) if args.text("entrypoint") else ()
    if args.text("stop-signal"):
        from scow.engine.container.stop import number_of

        number_of(args.text("stop-signal"))
    streams = attached(args)
    return ContainerRequest(
        image=args.operands[0],
        command=args.operands[1:] or None,
        entrypoint=entrypoint,
        name=args.text("name"),
        env=environment(args.all("env-file"), args.all("env")),
        workdir=args.text("workdir"),
        user=args.text("user"),
        labels=labels(args.all("label-file"), args.all("label")),
        annotations=pairs(args.all("annotation"), "--annotation", "annotation"),
        tty=args.on("tty"),
        stdin=args.on("interactive"),
        stdin_once=args.on("interactive") and not detach,
        attach=() if detach else streams or (*(("stdin",) if args.on("interactive") else ()), "stdout", "stderr"),
        init=args.on("init"),
        remove=args.on("rm"),
        stop_signal=args.text("stop-signal"),
        stop_timeout=args.number("stop-timeout"),
        platform=args.text("platform"),
        pull=args.text("pull"),
        mounts=mounts(args.all("volume"), args.all("mount"), args.all("tmpfs")),
        volumes_from=args.all("volumes-from"),
        resources=resources(args),
        security=_security(args),
        namespaces=_namespaces(args),
        networking=_networking(args),
        restart=policy,
        log_driver=_log_driver(args),
        log_options=pairs(args.all("log-opt"), "--log-opt", "log option"),
    )
