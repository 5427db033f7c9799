#!/usr/bin/env python3
"""Times scow against docker and podman, side by side: every round runs each tool once, so that all meet the same machine.

    bench/compare.py                          all rows; writes bench/results.json
    bench/compare.py --only run --rounds 9    rows whose name contains "run"
    bench/compare.py --table                  the table of docs/reference/benchmarks.md from bench/results.json

docker and podman are brought up by ``shared/bench/peers-up.sh`` (then ``. /opt/peers/env.sh``); one that is not there is
left out. Times are of the whole client process, in milliseconds of wall time; preparations are not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, "results.json")
AREA = os.environ.get(
    "SCOW_BENCH_AREA", "/opt/peers/area/scow-bench" if os.path.isdir("/opt/peers") else "/var/tmp/scow-bench"
)
BUSYBOX = "busybox:local"


@dataclass
class Tool:
    """One command line under test."""

    name: str
    cli: list[str]
    build: list[str]
    remove: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def call(self, *words: str, check: bool = True, stdin: object = subprocess.DEVNULL) -> str:
        """Run a command that is not timed."""
        done = subprocess.run(
            [*self.cli, *words], env={**os.environ, **self.environment}, capture_output=True, text=True,
            check=False, stdin=stdin,  # type: ignore[call-overload]
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"{self.name} {' '.join(words)}: {done.stderr[-400:]}")
        return done.stdout.strip()


@dataclass
class Row:
    """One line of the table. ``command`` gives the timed words (after the tool's own), ``prepare`` runs before each."""

    name: str
    command: Callable[[Tool], list[str]]
    rounds: int = 9
    prepare: Callable[[Tool], None] = lambda _tool: None
    set_up: Callable[[Tool], None] = lambda _tool: None
    tear_down: Callable[[Tool], None] = lambda _tool: None
    whole: bool = False
    """The command is complete and does not begin with the tool's own words."""


def tools(root: str) -> list[Tool]:
    """scow, and those of its peers that answer."""
    scow = os.path.join(os.path.dirname(HERE), ".venv", "bin", "scow")
    found = [Tool("scow", [scow], [scow, "build"], ["rm", "-f"], {"SCOW_ROOT": root})]
    env = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    for name, build, remove in (
        ("docker", ["docker", "build"], ["rm", "-f"]),
        ("podman", ["podman", "build", "--layers"], ["rm", "-f", "-t0"]),
    ):
        if shutil.which(name) and not subprocess.run([name, "ps"], capture_output=True, check=False).returncode:
            found.append(Tool(name, [name], build, remove, env))
    return found


def timed(tool: Tool, argv: list[str]) -> float:
    """Milliseconds that one process takes."""
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(os.path.join(AREA, "stderr"), os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    began = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, {**os.environ, **tool.environment}, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    took = (time.perf_counter() - began) * 1000
    if status:
        words = os.pread(log, 4000, 0).decode(errors="replace")
        raise RuntimeError(f"{' '.join(argv)[:200]}: {os.waitstatus_to_exitcode(status)}: {words[-600:]}")
    os.close(null)
    os.close(log)
    return took


# ---------------------------------------------------------------- inputs


def write(path: str, text: str) -> str:
    """A file with its folders; returns its folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return os.path.dirname(path)


def small_files() -> str:
    """A context of 20,000 files of 1 to 8 KiB."""
    folder = os.path.join(AREA, "files")
    if not os.path.exists(folder + "/Dockerfile"):
        seeded = random.Random(20000)
        words = [f"word{i:04d}" for i in range(4096)]
        for i in range(20000):
            size = seeded.randrange(1024, 8192)
            text = " ".join(seeded.choices(words, k=size // 9))
            write(f"{folder}/tree/d{i % 200:03d}/f{i:05d}.txt", text)
        write(f"{folder}/Dockerfile", f"FROM {BUSYBOX}\nCOPY tree /tree\n")
    return folder


def big_file() -> str:
    """A context of one file of 1 GiB, half of it random."""
    folder = os.path.join(AREA, "big")
    if not os.path.exists(folder + "/Dockerfile"):
        write(f"{folder}/x", "")
        text = (b"lorem ipsum dolor sit amet " * 1300)[:32768]
        with open(f"{folder}/data", "wb") as f:
            for _ in range(1 << 14):
                f.write(os.urandom(32768) + text)
        os.unlink(f"{folder}/x")
        write(f"{folder}/Dockerfile", f"FROM {BUSYBOX}\nCOPY data /data\n")
    return folder


def ten_runs() -> str:
    """Ten small RUN steps."""
    steps = "".join(f"RUN echo {i} > /file{i}\n" for i in range(10))
    return write(f"{AREA}/ten/Dockerfile", f"FROM {BUSYBOX}\n{steps}")


def four_stages() -> str:
    """Four stages that each sleep a second, joined at the end."""
    stages = "".join(f"FROM {BUSYBOX} AS s{i}\nRUN sleep 1; echo {i} > /out{i}\n" for i in range(4))
    copies = "".join(f"COPY --from=s{i} /out{i} /\n" for i in range(4))
    return write(f"{AREA}/stages/Dockerfile", f"{stages}FROM {BUSYBOX}\n{copies}")


def touch_one(_tool: Tool) -> None:
    """Change one of the 20,000 files."""
    with open(f"{small_files()}/tree/d007/f00007.txt", "a") as f:
        f.write(f"{time.time_ns()}\n")


# ---------------------------------------------------------------- rows


def build(tool: Tool, folder: str, *flags: str) -> list[str]:
    """The words of a build."""
    jobs = ["--jobs", "4"] if tool.name == "podman" else []
    return [*tool.build, "-q", *jobs, *flags, "-t", "bench", folder]


def fifty(tool: Tool, jobs: int) -> list[str]:
    """Fifty containers, ``jobs`` at a time."""
    words = " ".join([*tool.cli, "run", "--rm", BUSYBOX, "true"])
    return ["sh", "-c", f"seq 50 | xargs -P {jobs} -I{{}} {words}"]


def named(tool: Tool) -> None:
    """A running container for exec."""
    tool.call(*tool.remove, "bench-exec", check=False)
    tool.call("run", "-d", "--name", "bench-exec", BUSYBOX, "sleep", "1000")


def committed(tool: Tool) -> None:
    """A container with 20,000 new files."""
    tool.call(*tool.remove, "bench-commit", check=False)
    script = "mkdir /new; cd /new; i=0; while [ $i -lt 20000 ]; do echo $i > f$i; i=$((i+1)); done"
    tool.call("run", "--name", "bench-commit", BUSYBOX, "sh", "-c", script)


def archive(tool: Tool) -> str:
    """Where a tool's saved image goes."""
    return f"{AREA}/{tool.name}.tar"


def forget_debian(tool: Tool) -> None:
    """Let the next load begin from nothing."""
    tool.call("rmi", "-f", "debian:local", check=False)


def rows() -> Iterator[Row]:
    """The whole table."""
    yield Row("version", lambda _t: ["version"], 15)
    yield Row("ps -a", lambda _t: ["ps", "-a"], 15)
    yield Row("images", lambda _t: ["images"], 15)
    for network in ("none", "host", "bridge"):
        yield Row(
            f"run --rm true, network {network}",
            lambda _t, n=network: ["run", "--rm", "--network", n, BUSYBOX, "true"],
            15,
        )
    yield Row("run -d", lambda _t: ["run", "-d", "--name", "bench-d", BUSYBOX, "sleep", "1000"], 9,
              prepare=lambda t: (t.call(*t.remove, "bench-d", check=False), None)[1],
              tear_down=lambda t: (t.call(*t.remove, "bench-d", check=False), None)[1])  # fmt: skip
    yield Row("exec true", lambda _t: ["exec", "bench-exec", "true"], 15, set_up=named,
              tear_down=lambda t: (t.call(*t.remove, "bench-exec"), None)[1])  # fmt: skip
    yield Row("50 x run --rm, one by one", lambda t: fifty(t, 1), 1, whole=True)
    yield Row("50 x run --rm, 8 at a time", lambda t: fifty(t, 8), 1, whole=True)
    yield Row("build: 10 RUN, cold", lambda t: build(t, ten_runs(), "--no-cache"), 3, whole=True)
    yield Row("build: 10 RUN, cached", lambda t: build(t, ten_runs()), 7, whole=True)
    yield Row("build: 20,000 files, cold", lambda t: build(t, small_files(), "--no-cache"), 2, whole=True)
    yield Row("build: 20,000 files, cached", lambda t: build(t, small_files()), 5, whole=True)
    yield Row("build: 20,000 files, one changed", lambda t: build(t, small_files()), 3, prepare=touch_one, whole=True)
    yield Row("build: 1 GiB, cold", lambda t: build(t, big_file(), "--no-cache"), 2, whole=True)
    yield Row("build: 1 GiB, cached", lambda t: build(t, big_file()), 5, whole=True)
    yield Row("build: 4 stages of sleep 1", lambda t: build(t, four_stages(), "--no-cache"), 3, whole=True)
    yield Row("commit of 20,000 new files", lambda _t: ["commit", "bench-commit", "bench-committed"], 2, set_up=committed,
              tear_down=lambda t: (t.call(*t.remove, "bench-commit"), None)[1])  # fmt: skip
    yield Row("save debian", lambda t: ["save", "-o", archive(t), "debian:local"], 3,
              prepare=lambda t: os.path.exists(archive(t)) and os.unlink(archive(t)) or None)  # fmt: skip
    yield Row("load debian", lambda t: ["load", "-q", "-i", archive(t)], 2, prepare=forget_debian)


def images(found: list[Tool]) -> None:
    """Give every tool the same two images."""
    for tool in found:
        for name in ("busybox", "debian"):
            path = f"/opt/peers/images/{name}.tar"
            if os.path.exists(path) and subprocess.run(
                [*tool.cli, "image", "inspect", f"{name}:local"], env={**os.environ, **tool.environment},
                capture_output=True, check=False,
            ).returncode:  # fmt: skip
                tool.call("import", "-c", 'CMD ["/bin/sh"]', path, f"{name}:local")
    if not os.path.exists("/opt/peers/images/busybox.tar"):
        found[0].call("bootstrap", "-q", "-t", BUSYBOX, "busybox")


def measure(row: Row, found: list[Tool], rounds: int | None) -> dict[str, dict[str, object]]:
    """Run one row, the tools in turn."""
    samples: dict[str, list[float]] = {t.name: [] for t in found}
    failed: dict[str, str] = {}
    for tool in found:
        try:
            row.set_up(tool)
        except RuntimeError as e:
            failed[tool.name] = str(e)
    for _ in range((rounds or row.rounds) + 1):
        for tool in found:
            if tool.name in failed:
                continue
            try:
                row.prepare(tool)
                argv = row.command(tool)
                samples[tool.name].append(timed(tool, argv if row.whole else [*tool.cli, *argv]))
            except RuntimeError as e:
                failed[tool.name] = str(e)
    for tool in found:
        if tool.name not in failed:
            row.tear_down(tool)
    out: dict[str, dict[str, object]] = {name: {"failed": text} for name, text in failed.items()}
    for name, times in samples.items():
        if name not in failed:
            kept = times[1:] if len(times) > 2 else times  # the first warms caches up
            out[name] = {"median": statistics.median(kept), "min": min(kept), "max": max(kept), "n": len(kept)}
    return out


def table(results: dict[str, dict[str, dict[str, object]]]) -> str:
    """The results as Markdown: medians with the smallest in brackets, and the ratio to the faster peer."""

    def cell(found: dict[str, object] | None) -> str:
        if not found:
            return ""
        if "failed" in found:
            return "failed"
        return f"{found['median']:,.0f} ({found['min']:,.0f})"

    lines = ["| work, ms | scow | docker | podman | scow : faster peer |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, row in results.items():
        peers = [float(row[p]["median"]) for p in ("docker", "podman") if p in row and "median" in row[p]]  # type: ignore[arg-type]
        own = row.get("scow", {}).get("median")
        ratio = f"1 : {min(peers) / float(own):.1f}" if own and peers else ""  # type: ignore[arg-type]
        lines.append(
            f"| {name} | " + " | ".join(cell(row.get(t)) for t in ("scow", "docker", "podman")) + f" | {ratio} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--tool", action="append", default=[])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    results = json.load(open(RESULTS)) if os.path.exists(RESULTS) else {}
    if options.table:
        sys.stdout.write(table(results))
        return
    os.makedirs(AREA, exist_ok=True)
    root = os.path.join(AREA, "store")
    found = [t for t in tools(root) if not options.tool or t.name in options.tool]
    images(found)
    for row in rows():
        if options.only and not any(o in row.name for o in options.only):
            continue
        results.setdefault(row.name, {}).update(measure(row, found, options.rounds))
        with open(RESULTS, "w") as f:
            json.dump(results, f, indent=1)
        sys.stdout.write(table({row.name: results[row.name]}).splitlines()[-1] + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
