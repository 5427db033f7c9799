"""The same build by docker: layers hold the same files, with the same owners, modes, links and sizes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile

import pytest

from scow.build.service import BuildRequest, build
from scow.store.store import open_store

BUSYBOX = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), "")
DOCKER = shutil.which("docker", path="/opt/peers/bin:" + os.environ.get("PATH", os.defpath))
ENV = dict(os.environ)
if os.path.exists("/run/peers/docker.sock"):
    ENV |= {"DOCKER_HOST": "unix:///run/peers/docker.sock", "DOCKER_CONFIG": "/opt/peers/dockercfg"}

DOCKERFILE = """FROM scratch AS base
ADD base.tar /
FROM base
COPY f /etc/new
COPY f /a/b/c
COPY d /etc/
COPY d /dd
COPY d/sub /usr/
WORKDIR /etc
WORKDIR /w/x
COPY --chown=1:2 --chmod=600 d /owned/
COPY --chown=web:www f /who
COPY --chown=7 f /who2
COPY --chmod=u+x,go-r f /mode
COPY --link f /usr/lk
ADD f /usr/bin/
COPY dl /dl/
COPY f f d/one /multi/
COPY f /link/
COPY d /link/
ADD a.tar /un/
COPY a.tar /t/
COPY *.tar* /wild/
COPY d/* /wild2/
COPY d/lnk /wild3
COPY --from=base /etc /from/
COPY --from=base / /all/
"""
RUNS = """RUN mkdir /z && echo 1 > /z/1 && ln -s z /zl && chown 5:6 /z
RUN rm -rf /dd && mkdir /dd && echo > /dd/q
RUN rm -rf /z; rm /etc/group; mkdir -p /deep/er
"""


def docker_works():
    done = DOCKER and subprocess.run([DOCKER, "version"], env=ENV, capture_output=True, check=False)
    return bool(done) and done.returncode == 0


pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not BUSYBOX, reason="needs a static busybox on the host"),
    pytest.mark.skipif(not docker_works(), reason="needs docker"),
]


def context(top):
    """Files of every kind, and a base image's tar with busybox."""
    os.makedirs(f"{top}/d/sub")
    for name in ("f", "d/one", "d/sub/two"):
        with open(f"{top}/{name}", "w") as f:
            f.write(name)
    os.symlink("one", f"{top}/d/lnk")
    os.link(f"{top}/d/one", f"{top}/d/hard")
    os.symlink("d", f"{top}/dl")
    os.chmod(f"{top}/d/one", 0o640)
    os.chmod(f"{top}/d", 0o711)
    for name in ("f", "d/one", "d/sub/two", "d/sub", "d"):
        os.utime(f"{top}/{name}", (1577934245, 1577934245))
    with tarfile.open(f"{top}/a.tar", "w") as tar:
        tar.add(f"{top}/d", "d")
        tar.add(f"{top}/f", "f")
    root = f"{top}/root"
    for name in ("bin", "etc", "usr", "tmp"):
        os.makedirs(f"{root}/{name}")
    shutil.copy(BUSYBOX, f"{root}/bin/busybox")
    for name in "sh mkdir echo ln chown rm".split():
        os.symlink("busybox", f"{root}/bin/{name}")
    os.symlink("etc", f"{root}/link")
    for name, text in (("passwd", "root:x:0:0::/:\nweb:x:33:34::/:\n"), ("group", "root:x:0:\nwww:x:35:\n")):
        with open(f"{root}/etc/{name}", "w") as f:
            f.write(text)
    with tarfile.open(f"{top}/base.tar", "w") as tar:
        tar.add(root, "/")
    shutil.rmtree(root)
    with open(f"{top}/Dockerfile", "w") as f:
        f.write(DOCKERFILE + RUNS)


def listing(stream):
    """What is in a layer; times only of what was given one, marks of deletion by name alone."""
    with tarfile.open(fileobj=stream) as tar:
        return sorted(
            (m.name.rstrip("/"), ".wh." in m.name or (oct(m.mode), m.uid, m.gid, m.type, m.linkname, m.size))
            for m in tar
        )


def test_layers_are_dockers(tmp_path):
    context(str(tmp_path / "ctx"))
    tag = f"scow-oracle-{os.getpid()}"
    with open_store(f"{tmp_path}/root", f"{tmp_path}/run") as store:
        try:
            result = build(BuildRequest(f"{tmp_path}/ctx"), store)
            ours = []
            for digest in result.layers:
                with store.layers.open(digest) as stream:
                    ours.append(listing(stream))
            command = [DOCKER, "build", "-q", "--no-cache", "-t", tag, f"{tmp_path}/ctx"]
            subprocess.run(command, env=ENV, check=True, capture_output=True)
            subprocess.run([DOCKER, "save", "-o", f"{tmp_path}/saved.tar", tag], env=ENV, check=True)
        finally:
            subprocess.run([DOCKER, "rmi", "-f", tag], env=ENV, check=False, capture_output=True)
            with open("/proc/self/mountinfo") as f:
                points = [line.split()[4] for line in f if str(tmp_path) in line]
            for point in reversed(points):
                subprocess.run(["umount", "-l", point], check=False)
    with tarfile.open(tmp_path / "saved.tar") as saved:
        layers = json.load(saved.extractfile("manifest.json"))[0]["Layers"]
        theirs = [listing(saved.extractfile(name)) for name in layers]
    assert len(ours) == len(theirs)
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        # BuildKit leaves the places of its own mounts in the layers of RUN steps; we take them away.
        left = {"dev", "proc", "sys", "etc"} - {name for name, _ in mine}
        assert mine == [row for row in other if row[0] not in left or number < len(theirs) - 3], number
