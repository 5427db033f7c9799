"""The table of commands: which words lead to which file. Nothing here imports a command.

``scow ps``, ``scow container ls`` and ``scow container ps`` are one file. A command's one-line summary stands here too,
so that ``scow help`` prints its list without importing thirty files; a test compares both.
"""

from __future__ import annotations

# name -> summary; the module is commands/<name with _ for - and space>.py
COMMON = {
    "run": "Create and run a new container from an image",
    "exec": "Execute a command in a running container",
    "ps": "List containers",
    "build": "Build an image from a Dockerfile",
    "pull": "Download an image from a registry",
    "push": "Upload an image to a registry",
    "images": "List images",
    "login": "Authenticate to a registry",
    "logout": "Log out from a registry",
    "bootstrap": "Make a base image from a distribution's packages",
    "version": "Show the scow version information",
    "info": "Display system-wide information",
}
OTHERS = {
    "attach": "Attach local standard input, output, and error streams to a running container",
    "commit": "Create a new image from a container's changes",
    "cp": "Copy files/folders between a container and the local filesystem",
    "create": "Create a new container",
    "diff": "Inspect changes to files or directories on a container's filesystem",
    "export": "Export a container's filesystem as a tar archive",
    "history": "Show the history of an image",
    "import": "Import the contents from a tarball to create a filesystem image",
    "inspect": "Return low-level information on scow objects",
    "kill": "Kill one or more running containers",
    "load": "Load an image from a tar archive or STDIN",
    "logs": "Fetch the logs of a container",
    "pause": "Pause all processes within one or more containers",
    "port": "List port mappings or a specific mapping for the container",
    "rename": "Rename a container",
    "restart": "Restart one or more containers",
    "rm": "Remove one or more containers",
    "rmi": "Remove one or more images",
    "save": "Save one or more images to a tar archive (streamed to STDOUT by default)",
    "start": "Start one or more stopped containers",
    "stop": "Stop one or more running containers",
    "tag": "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    "top": "Display the running processes of a container",
    "unpause": "Unpause all processes within one or more containers",
    "wait": "Block until one or more containers stop, then print their exit codes",
}
GROUPS: dict[str, tuple[str, dict[str, str]]] = {
    "builder": ("Manage builds", {"build": "build", "prune": "builder prune"}),
    "container": (
        "Manage containers",
        {
            **{n: n for n in OTHERS if n not in ("history", "import", "load", "rmi", "save", "tag", "inspect")},
            "exec": "exec",
            "inspect": "container inspect",
            "list": "ps",
            "ls": "ps",
            "prune": "container prune",
            "ps": "ps",
            "remove": "rm",
            "run": "run",
        },
    ),
    "image": (
        "Manage images",
        {
            "build": "build",
            "history": "history",
            "import": "import",
            "inspect": "image inspect",
            "list": "images",
            "load": "load",
            "ls": "images",
            "prune": "image prune",
            "pull": "pull",
            "push": "push",
            "remove": "rmi",
            "rm": "rmi",
            "save": "save",
            "tag": "tag",
        },
    ),
    "system": (
        "Manage scow",
        {"check": "system check", "df": "system df", "info": "info", "prune": "system prune", "reset": "system reset"},
    ),
}
HIDDEN_ALIASES = {"list", "remove"}
GROUP_SUMMARIES = {
    "builder prune": "Remove build cache",
    "container inspect": "Display detailed information on one or more containers",
    "container prune": "Remove all stopped containers",
    "image inspect": "Display detailed information on one or more images",
    "image prune": "Remove unused images",
    "system check": "Find what crashes left behind, and mend it",
    "system df": "Show scow disk usage",
    "system prune": "Remove unused data",
    "system reset": "Stop everything and delete the whole store",
}

# docker's verbs that scow does not have yet: refused by name, with where they will come from.
MISSING = (
    "bake compose context events manifest network plugin search service stack stats swarm trust update volume buildx"
).split()


def summary(name: str) -> str:
    """The one-line summary of a command by its file's name ("ps", "image prune")."""
    return COMMON.get(name) or OTHERS.get(name) or GROUP_SUMMARIES[name]


def find(words: list[str]) -> tuple[str, int]:
    """The command that ``words`` lead to and how many of them it took; ("", n) when there is none.

    A group alone (``scow image``) gives ("image", 1): its name, not a command's.
    """
    first = words[0]
    if first in GROUPS:
        table = GROUPS[first][1]
        if len(words) > 1 and not words[1].startswith("-"):
            return table.get(words[1], ""), 2
        return first, 1
    if first in COMMON or first in OTHERS:
        return first, 1
    return "", 1
