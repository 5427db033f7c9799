"""``scow build``."""

from __future__ import annotations

import errno
import os
import signal
import sys

from scow.cli.command import Command, boolean, refused, repeated, string
from scow.errors import Error, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args
    from scow.cli.progress.model import Display
    from scow.engine.building import BuildRequest, BuildResult


def _display(args: Args) -> Display:
    from scow import __version__
    from scow.cli.progress import make_display

    kind = args.text("progress") or os.environ.get("BUILDKIT_PROGRESS") or "auto"
    title = f"building with scow {__version__}" if kind not in ("auto", "tty") or not sys.stderr.isatty() else "scow"
    return make_display("quiet" if args.on("quiet") else kind, sys.stderr, title)


def _warnings(display: Display, *, debug: bool) -> None:
    """The findings of the build checks, below the progress, as docker lists them."""
    found = display.warnings
    if not found:
        return
    many = "s" if len(found) > 1 else ""
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    start, end = ("\x1b[33m", "\x1b[0m") if colour else ("", "")
    expand = "" if debug else " (use --debug to expand)"
    sys.stderr.write(f"\n {start}{len(found)} warning{many} found{expand}:\n{end}")
    for warning in found:
        sys.stderr.write(f" - {warning.short}\n")
        if debug:
            from scow.engine.building import warning_excerpt

            more = [*warning.detail, *([f"More info: {warning.url}"] if warning.url else [])]
            sys.stderr.write("".join(f"{text}\n" for text in (*more, warning_excerpt(warning))) + "\n")


def _write(path: str, text: str, what: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    except OSError as e:
        raise Invalid(f"failed to write {what} {path}: {(e.strerror or str(e)).lower()}") from e


def _metadata(result: BuildResult) -> str:
    import json

    found: dict[str, object] = {}
    if result.root is not None and result.image is not None:
        found["containerimage.config.digest"] = str(result.image)
        found["containerimage.descriptor"] = result.root.to_json()
        found["containerimage.digest"] = str(result.root.digest)
    if result.names:
        found["image.name"] = ",".join(result.names)
    return json.dumps(found, indent=2) + "\n"


def _worded(fault: OSError) -> Error:
    """A fault of the machine in words, with its remedy where there is one."""
    words = (fault.strerror or str(fault)).lower()
    where = f"{fault.filename}: " if fault.filename else ""
    return Error(f"{where}{words}", "make room: scow system prune" if fault.errno == errno.ENOSPC else None)


def _failed(error: Error, display: Display) -> int:
    """Tell a failure as BuildKit does: the end of the step's output, the lines of the build file, the error."""
    first, _, excerpt = str(error).partition("\n")
    notes = [n for n in getattr(error, "__notes__", ()) if not n.startswith("vertex: ")]
    sys.stderr.write(display.report_failure())
    sys.stderr.write("".join(f"{text}\n" for text in ([excerpt] if excerpt else notes)))
    solving = first.startswith(("failed to solve: ", "unable to prepare context: ", "invalid argument: "))
    sys.stderr.write(f"ERROR: failed to build: {first if solving else f'failed to solve: {first}'}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
    return 1


def _call(args: Args) -> tuple[str, str]:
    """What is asked for, and in which form: ``--call=check,format=json``."""
    call, _, rest = ("check" if args.on("check") else args.text("call") or "build").partition(",")
    call = "check" if call == "lint" else call
    if call not in ("build", "check", "outline", "targets"):
        raise Invalid(f"unsupported call {call!r}: one of build, check, outline, targets")
    if rest not in ("", "format=text", "format=json"):
        raise Invalid(f"invalid --call {args.text('call')}: format is text or json")
    return call, rest.removeprefix("format=") or "text"


def _told(context: Context, request: BuildRequest, call: tuple[str, str], display: Display) -> int:
    """Answer ``--call``; a check that finds something fails."""
    from scow.cli import buildcalls

    kind, form = call
    called = context.engine.builds.call(request, kind, display)
    display.close()
    name = request.dockerfile or os.path.join(request.context, "Dockerfile")
    place = "Dockerfile" if "-" in (request.context, request.dockerfile) else os.path.normpath(name)
    if form == "json":
        import json

        sys.stdout.write(json.dumps(called.found, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(buildcalls.text(kind, called, place))
        sys.stdout.flush()
        sys.stderr.write(buildcalls.error(called, place))
    return 1 if called.found.get("warnings") or "buildError" in called.found else 0


def _heed_termination() -> list[int]:
    """Let SIGTERM end the build as ^C does: children die, and what was begun is taken back. The list says if it did."""
    ended: list[int] = []

    def end(number: int, _frame: object) -> None:
        ended.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    return ended


def run(args: Args, context: Context) -> int:
    """Build an image."""
    from scow.cli.options.build import request as build_request

    try:
        request = build_request(args)
        call = _call(args)
        display = _display(args)
    except Error as e:
        sys.stderr.write(f"ERROR: failed to build: {e}\n" + (f"hint: {e.hint}\n" if e.hint else ""))
        return e.exit_code
    ended = _heed_termination()
    try:
        if call[0] != "build":
            return _told(context, request, call, display)
        result = context.engine.builds.build(request, display)
    except (Error, OSError) as e:
        display.close()
        if not args.on("quiet"):
            _warnings(display, debug=args.on("debug"))
        return _failed(e if isinstance(e, Error) else _worded(e), display)
    except BaseException as e:
        display.close()
        if isinstance(e, KeyboardInterrupt) and ended:
            return 128 + signal.SIGTERM
        raise
    display.close()
    if not args.on("quiet"):
        _warnings(display, debug=args.on("debug"))
    if args.text("iidfile") and result.image:
        _write(args.text("iidfile"), str(result.image), "image ID file")
    if args.text("metadata-file"):
        _write(args.text("metadata-file"), _metadata(result), "metadata file")
    if args.on("quiet") and result.image:
        sys.stdout.write(f"{result.image}\n")
    return 0


COMMAND = Command(
    name="build",
    usage="[OPTIONS] PATH | URL | -",
    summary="Build an image from a Dockerfile",
    run=run,
    minimum=1,
    maximum=1,
    flags=(
        repeated("add-host", 'Add a custom host-to-IP mapping (format: "host:ip")', kind="stringArray"),
        repeated("build-arg", "Set build-time variables", kind="stringArray"),
        string("call", 'Set method for evaluating build ("check", "outline", "targets")', default="build"),
        boolean("check", 'Shorthand for "--call=check"'),
        repeated("build-context", "Additional build contexts (e.g., name=path)", kind="stringArray"),
        boolean("debug", "Show the details of warnings", "D"),
        string("file", 'Name of the Dockerfile (default: "PATH/Dockerfile")', "f"),
        boolean("force-rm", "Always remove intermediate containers (there are none)"),
        string("iidfile", "Write the image ID to a file"),
        repeated("label", "Set metadata for an image", kind="stringArray"),
        boolean("load", "Keep the image in the store, also when there are other outputs"),
        string("metadata-file", "Write build result metadata to a file"),
        string("network", 'Set the networking mode for the "RUN" instructions during build', default="default"),
        boolean("no-cache", "Do not use cache when building the image"),
        repeated("no-cache-filter", "Do not cache specified stages", kind="stringArray"),
        repeated("output", 'Output destination (format: "type=local,dest=path")', "o", kind="stringArray"),
        repeated("platform", "Set target platform for build", kind="stringArray"),
        string("progress", 'Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty")'),
        boolean("pull", "Always attempt to pull all referenced images"),
        boolean("quiet", "Suppress the build output and print image ID on success", "q"),
        boolean("rm", "Remove intermediate containers after a successful build (there are none)", default=True),
        repeated("secret", 'Secret to expose (format: "id=mysecret[,src=/local/secret]")', kind="stringArray"),
        string("shm-size", "Shared memory size for build containers", kind="bytes"),
        repeated("ssh", 'SSH agent socket to expose (format: "default|<id>[=<socket>]")', kind="stringArray"),
        repeated("tag", 'Name and optionally a tag (format: "name:tag")', "t", kind="stringArray"),
        string("target", "Set the target build stage to build"),
        repeated("ulimit", "Ulimit options", kind="ulimit"),
    ),
    refused=refused(
        *"allow annotation attest builder cache-from cache-to cgroup-parent compress! cpu-period cpu-quota "
        "cpu-shares cpuset-cpus cpuset-mems isolation memory memory-swap provenance push! sbom security-opt "
        "squash!".split()
    ),
    aliases=("builder build", "image build", "build"),
)
