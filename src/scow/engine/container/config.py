"""Docker's ``Config`` of a container: the request laid over the image's configuration.

The rules are moby's (daemon/commit.go ``merge``, daemon/container.go ``mergeAndVerifyConfig``): the command falls
back to the image's only if neither entrypoint nor command was given; an entrypoint of one empty word removes the
image's; environment, labels, ports and volumes are joined, the request's first.
"""

from __future__ import annotations

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from scow.engine.requests import ContainerRequest
    from scow.oci.config import ImageConfig


def config_of(request: ContainerRequest, image: ImageConfig, name: str) -> dict[str, Any]:
    """The ``Config`` document. ``name`` is the id; it begins the default host name. Invalid without a command."""
    entrypoint, command = words_of(request, image)
    if not entrypoint and not command:
        raise Invalid("no command specified")
    net = request.networking
    found: dict[str, Any] = {
        "Hostname": hostname_of(request, name),
        "Domainname": net.domainname,
        "User": request.user or image.user,
        "AttachStdin": "stdin" in request.attach,
        "AttachStdout": "stdout" in request.attach,
        "AttachStderr": "stderr" in request.attach,
    }
    ports = exposed(request, image)
    if ports:
        found["ExposedPorts"] = {p: {} for p in ports}
    volumes = [*(m.target for m in request.mounts if m.kind == "volume" and not m.source), *image.volumes]
    found.update(
        Tty=request.tty,
        OpenStdin=request.stdin,
        StdinOnce=request.stdin_once,
        Env=merge_env(request.env, image.env),
        Cmd=list(command) if command else None,
        Image=request.image,
        Volumes={v: {} for v in dict.fromkeys(volumes)} or None,
        WorkingDir=workdir_of(request.workdir or image.working_dir),
        Entrypoint=list(entrypoint) if entrypoint else None,
        OnBuild=None,
        Labels=dict(sorted({**image.labels, **dict(request.labels)}.items())),
    )
    if image.run.get("Healthcheck"):
        found["Healthcheck"] = image.run["Healthcheck"]
    signal = request.stop_signal or image.stop_signal
    if signal:
        found["StopSignal"] = signal
    if request.stop_timeout is not None:
        found["StopTimeout"] = request.stop_timeout
    if image.shell:
        found["Shell"] = list(image.shell)
    return found


def words_of(request: ContainerRequest, image: ImageConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Entrypoint and command."""
    command = request.command or ()
    if request.entrypoint is not None:  # () is docker's --entrypoint "": none, and not the image's command either
        return request.entrypoint, command
    return image.entrypoint, command or image.cmd


def hostname_of(request: ContainerRequest, name: str) -> str:
    """The host name: asked for, else the short id, or the machine's where its network is shared."""
    asked = request.networking.hostname
    spaces = request.namespaces
    if spaces.uts == "host" and asked:
        raise Invalid("conflicting options: hostname and the UTS mode")
    if spaces.network.startswith("container:"):
        if asked:
            raise Invalid("conflicting options: hostname and the network mode")
        return ""
    return asked or (_own() if spaces.network == "host" else name[:12])


def _own() -> str:
    import os

    return os.uname().nodename


def workdir_of(path: str) -> str:
    """A working directory as docker keeps it: absolute and clean, "" for none."""
    import posixpath

    if not path:
        return ""
    if not path.startswith("/"):
        raise Invalid(f"the working directory '{path}' is invalid, it needs to be an absolute path")
    return "/" + posixpath.normpath(path).lstrip("/")


def merge_env(asked: Iterable[str], image: Iterable[str]) -> list[str]:
    """The request's entries, then those of the image whose names are not among them.

    A bare name stays as it is: it takes the variable away when the process is started.
    """
    found = list(asked)
    names = {e.partition("=")[0] for e in found}
    return found + [e for e in image if e.partition("=")[0] not in names]


def process_env(config: dict[str, Any], path: str) -> dict[str, str]:
    """What the process is started with: docker's own variables first, bare names removed."""
    env = {"PATH": path}
    if config["Hostname"]:
        env["HOSTNAME"] = config["Hostname"]
    if config["Tty"]:
        env["TERM"] = "xterm"
    for entry in config["Env"]:
        name, equals, text = entry.partition("=")
        if equals:
            env[name] = text
        else:
            env.pop(name, None)
    return env


def exposed(request: ContainerRequest, image: ImageConfig) -> list[str]:
    """``port/protocol`` of everything that is published or exposed, sorted."""
    found = {f"{p.container_port}/{p.protocol}" for p in request.networking.ports}
    for text in (*request.networking.expose, *image.exposed_ports):
        found.update(_ports(text))
    return sorted(found, key=lambda p: (int(p.partition("/")[0]), p))


def _ports(text: str) -> list[str]:
    ports, _, protocol = text.partition("/")
    first, dash, last = ports.partition("-")
    try:
        numbers = range(int(first), int(last if dash else first) + 1)
    except ValueError:
        problem = f'strconv.ParseUint: parsing "{ports}": invalid syntax'
        raise Invalid(f"invalid range format for --expose: {text}, error: {problem}") from None
    if not numbers or numbers[0] < 1 or numbers[-1] > 65535:
        raise Invalid(f"invalid range format for --expose: {text}: invalid port number")
    return [f"{n}/{protocol or 'tcp'}" for n in numbers]
