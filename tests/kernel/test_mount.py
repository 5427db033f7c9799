"""Mounts on the real kernel, each test in a mount namespace of its own child."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap

import pytest

from scow.kernel import mount, mount_options, mountinfo, overlay
from scow.kernel.mount import Mount, parse_options

root_only = pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")


def in_namespace(body: str, *args: object) -> str:
    """Run Python code in a fresh mount namespace (private propagation); what it prints."""
    head = """
        import os, sys
        from scow.kernel import mount, mountinfo, overlay, mount_fd, namespaces
        from scow.kernel.mount import Mount
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.set_propagation("/")
        args = sys.argv[1:]
    """
    code = textwrap.dedent(head) + textwrap.dedent(body)
    done = subprocess.run([sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_later_option_words_win() -> None:
    got = parse_options(["ro", "nosuid", "rw", "size=64k", "mode=1777", "rslave", "rbind", "noatime", "strictatime"])
    assert got.flags == (
        mount_options.MS_NOSUID | mount_options.MS_BIND | mount_options.MS_REC | mount_options.MS_STRICTATIME
    )
    assert got.clear & mount_options.MS_RDONLY
    assert got.propagation == mount_options.MS_SLAVE | mount_options.MS_REC
    assert got.data == ("size=64k", "mode=1777")


def test_recursive_words_and_extensions() -> None:
    got = parse_options(["rro", "rnoatime", "rnosuid", "rsuid", "tmpcopyup", "idmap=uids=0-1-2"])
    assert got.recursive_set == mount_options.MOUNT_ATTR_RDONLY | mount_options.MOUNT_ATTR_NOATIME
    assert got.recursive_clear == mount_options.MOUNT_ATTR__ATIME | mount_options.MOUNT_ATTR_NOSUID
    assert got.extensions == ("tmpcopyup", "idmap=uids=0-1-2")
    assert got.data == ()


@pytest.mark.parametrize("path", ["/a", "/a:b", "/a\\b", "/a\\:b", "/:", "/a\\"])
def test_lowerdir_quoting_round_trip(path: str) -> None:
    assert overlay.split_lowerdir(overlay.escape(path, "\\:") + ":/x") == [path, "/x"]


def test_mountinfo_escapes() -> None:
    line = r"36 35 98:0 /mnt1 /mnt\0402\134040 rw,noatime master:1 shared:2 - ext3 /dev/ro\011ot rw,errors=continue"
    got = mountinfo.parse_line(line + "\n")
    assert (got.id, got.parent, got.device, got.root) == (36, 35, (98, 0), "/mnt1")
    assert got.point == "/mnt 2\\040"
    assert got.optional == ("master:1", "shared:2")
    assert (got.type, got.source, got.super_options) == ("ext3", "/dev/ro\tot", ("rw", "errors=continue"))
    assert mountinfo.parse_line("1 1 0:1 / / rw - tmpfs  rw").source == ""  # an empty source is two blanks


def test_mountinfo_reads_this_machine() -> None:
    assert mountinfo.is_mounted("/proc") and not mountinfo.is_mounted("/proc/self")


@root_only
def test_tmpfs_with_options_at_strange_names(tmp_path: object) -> None:
    out = in_namespace(
        """
        root = os.path.join(args[0], "a b\\tc\\n,:\\\\d")
        os.mkdir(root)
        words = ("nosuid", "nodev", "noexec", "size=64k", "mode=1770", "ro")
        mount.mount_all(Mount("tmpfs", "tmpfs", "/x/y", words), root)
        m = [m for m in mountinfo.mounts() if m.point == root + "/x/y"][0]
        assert {"nosuid", "nodev", "noexec", "ro"} <= set(m.options), m
        assert {"size=64k", "mode=1770"} <= set(m.super_options), m
        print("ok")
        """,
        tmp_path,
    )
    assert out == "ok\n"


@root_only
def test_targets_stay_inside_a_hostile_root(tmp_path: object) -> None:
    in_namespace(
        """
        root, outside = args[0] + "/root", args[0] + "/outside"
        os.mkdir(root), os.mkdir(outside)
        os.symlink(outside, root + "/abs")
        os.symlink("../outside", root + "/up")
        os.makedirs(root + outside)
        for name in ("abs", "up"):
            mount.mount_all(Mount("tmpfs", "tmpfs", name + "/deep"), root)
        points = [m.point for m in mountinfo.mounts() if m.type == "tmpfs" and m.point.startswith(args[0])]
        assert points == [root + outside + "/deep", root + "/outside/deep"], points
        assert os.listdir(outside) == [], os.listdir(outside)
        """,
        tmp_path,
    )


@root_only
def test_bind_of_a_file_read_only_and_recursive(tmp_path: object) -> None:
    in_namespace(
        """
        base = args[0]
        os.makedirs(base + "/src/sub"), os.mkdir(base + "/root")
        mount.mount_all(Mount("tmpfs", "t", "/sub"), base + "/src")
        open(base + "/src/f", "w").write("x")
        mount.mount_all(Mount("bind", base + "/src/f", "/etc/f", ("bind", "ro")), base + "/root")
        mount.mount_all(Mount("bind", base + "/src", "/d", ("rbind", "rro", "rprivate")), base + "/root")
        for path in ("/etc/f", "/d/f", "/d/sub/new"):
            try:
                open(base + "/root" + path, "w")
            except OSError as e:
                assert e.errno == 30, e
            else:
                raise AssertionError(path)
        open(base + "/src/f", "w").write("y")
        assert open(base + "/root/etc/f").read() == "y"
        """,
        tmp_path,
    )


@root_only
def test_overlay_value_reads_writes_and_whites_out(tmp_path: object) -> None:
    in_namespace(
        """
        b = args[0]
        for d in ("l1", "l:2", "u", "w", "m"):
            os.mkdir(f"{b}/{d}")
        open(b + "/l1/one", "w").write("low"), open(b + "/l:2/one", "w").write("top")
        words = (f"lowerdir={b}/l\\\\:2:{b}/l1", f"upperdir={b}/u", f"workdir={b}/w", "volatile")
        mount.mount_at(Mount("overlay", "overlay", "", words), b + "/m")
        assert open(b + "/m/one").read() == "top"
        os.unlink(b + "/m/one")
        assert os.stat(b + "/u/one").st_rdev == 0 and not os.path.exists(b + "/m/one")
        """,
        tmp_path,
    )


@root_only
@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("count", [2, 127, 500])
def test_overlay_of_many_layers_with_long_names(tmp_path: object, modern: bool, count: int) -> None:
    in_namespace(
        """
        b, modern, count = args[0], args[1] == "True", int(args[2])
        overlay._has_lowerdir_plus = modern
        lowers = []
        for i in range(count):
            lowers.append(f"{b}/{i:064d}")
            os.mkdir(lowers[-1]), open(f"{lowers[-1]}/f{i}", "w").close()
        for d in ("u", "w", "m"):
            os.mkdir(f"{b}/{d}")
        os.chdir(b)
        mount.overlay(lowers, b + "/u", b + "/w", "m", ["nodev"])
        assert len(os.listdir(b + "/m")) == count
        assert os.getcwd() == b
        assert len(os.listdir("/proc/self/fd")) < 10
        """,
        tmp_path,
        modern,
        count,
    )


@root_only
def test_overlay_of_a_very_long_path(tmp_path: object) -> None:
    in_namespace(
        """
        b = args[0]
        deep = b + ("/" + "d" * 200) * 3
        os.makedirs(deep), open(deep + "/f", "w").close()
        for d in ("u", "w", "m"):
            os.mkdir(f"{b}/{d}")
        mount.overlay([deep], b + "/u", b + "/w", b + "/m")
        assert os.listdir(b + "/m") == ["f"]
        """,
        tmp_path,
    )


def test_overlay_refuses_too_many_layers() -> None:
    from scow.errors import Invalid

    with pytest.raises(Invalid, match="501 lower directories"):
        mount.overlay(["/"] * 501, None, None, "/nowhere")


@root_only
def test_failures_carry_the_kernels_words(tmp_path: object) -> None:
    with pytest.raises(OSError, match="tmpfs") as caught:
        mount.mount_at(Mount("tmpfs", "t", "", ("sizes=1",)), str(tmp_path))
    assert caught.value.errno == errno.EINVAL and "sizes" in str(caught.value)
    with pytest.raises(OSError) as caught:
        mount.umount(str(tmp_path))
    assert caught.value.errno == errno.EINVAL and caught.value.filename == str(tmp_path)


@root_only
def test_pivot_root_needs_no_directory_for_the_old_one(tmp_path: object) -> None:
    out = in_namespace(
        """
        os.mkdir(args[0] + "/r")
        mount.mount_all(Mount("tmpfs", "t"), args[0] + "/r")
        os.mkdir(args[0] + "/r/only")
        os.chdir(args[0] + "/r")
        mount.pivot_root(".", ".")
        mount.umount(".", mount.MNT_DETACH)
        print(os.listdir("/"))
        """,
        tmp_path,
    )
    assert out == "['only']\n"
