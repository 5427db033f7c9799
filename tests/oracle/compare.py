"""One shell script with docker and with scow, each in its own directory; ids, times and addresses get names.

A table is a file of ``cases/``: a line ``## title`` begins a case, what follows is its script for ``sh``. ``$C`` is the
program, ``$N`` a prefix of names for the case alone, ``$B`` the small image, ``$D`` one with users; ``rc COMMAND...``
prints the command's exit code on both streams, so that their parts can be told apart. What differs on purpose is a
rule here, with its reason.
"""

from __future__ import annotations

import os
import re
import subprocess

PRELUDE = 'rc() { "$@"; code=$?; echo "rc=$code"; echo "rc=$code" >&2; }; B=busybox:local; D=debian:local\n'
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
LEFT_OUT = (
    "WARNING: no CAP_SYS_RESOURCE",  # said once per host; docker says nothing and the limit is silently lower
    "WARNING: capabilities this host does not have",
    "hint: ",
)
RULES = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        # There is no daemon that could respond, and no chain of programs between the door and the container.
        (r"Error response from daemon: ", "Error: "),
        (r"docker: Error: ", "docker: "),
        (r"(?m)^Error: ", ""),  # docker's client leaves it out before its own errors
        (r"template: \w*:1:\d+: executing \"\w*\" at <.*?>: ", "template: "),
        (r"can't evaluate field (\w+) in type .*", r'map has no entry for key "\1"'),  # docker's rows are Go structs
        (r"failed to (parse|execute) template: ", ""),
        (r"2\.0[67]MB", "2.07MB"),  # docker counts the lengths of symbolic links
        (r"2\.065MB", "2.07MB"),
        (r"(?m)^# .*\n", ""),  # comments of resolv.conf
        (r"failed to create task for container: failed to create shim task: ", ""),
        (r"runc create failed: ", ""),
        (r"\bdocker\b", "scow"),
        (r"\bDocker\b", "scow"),
        (r"\b[0-9a-f]{64}\b", "<id>"),
        (TIME, "<time>"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} \w+", "<time>"),
        (r"\b(172|10|192)\.\d+\.\d+\.\d+\b", "<ip>"),
        (r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "<mac>"),
        (r"(About an?|Less than a|\d+) (second|minute|hour)s?( ago)?", "<age>"),
        (r"\b(?=[0-9]*[a-f])[0-9a-f]{12}\b", "<sid>"),
        (r"\b[0-9]{12}\b", "<sid>"),
        (r"Restarting \(\d+\)", "Restarting"),
    )
)


def cases(path: str) -> list[tuple[str, str]]:
    """The cases of a table: (title, script)."""
    with open(path, encoding="utf-8") as file:
        parts = re.split(r"(?m)^## (.+)\n", file.read())
    return list(zip(parts[1::2], parts[2::2], strict=True))


def run(program: str, script: str, prefix: str, directory: str, given: dict[str, str], timeout: float = 100) -> str:
    """What the script printed with this program: standard output, the exit code, standard error."""
    os.makedirs(directory, exist_ok=True)
    env = {**os.environ, "C": program, "N": prefix, "TZ": "UTC", "LC_ALL": "C", "DOCKER_CLI_HINTS": "false", **given}
    done = subprocess.run(
        ["sh", "-c", PRELUDE + script],
        cwd=directory,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    return normal(f"{out}exit={done.returncode}\n--- stderr\n{err}", directory, prefix)


def normal(text: str, directory: str, prefix: str) -> str:
    """The text with what may differ named: ids, times, addresses, the directory, runs of blanks in tables."""
    text = text.replace(directory, "<dir>").replace(prefix, "N").replace("\r\n", "\n")
    text = "\n".join(line for line in text.split("\n") if not line.startswith(LEFT_OUT))
    for pattern, name in RULES:
        text = pattern.sub(name, text)
    return re.sub(r"[ \t]{2,}", "  ", text)
