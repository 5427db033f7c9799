"""Containers' networks end to end, inside a private "host": its own network namespace with a "world" behind it.

world 203.0.113.2 --- 203.0.113.1 host, bridge --- containers
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="network namespaces need root")

HEAD = """
import contextlib, errno, os, socket, struct, subprocess, sys, time
from scow.kernel import namespaces, netlink, nftables as nft, rtnetlink as rt
from scow.runtime.net import addresses, attach as at, bridge, firewall, network as nw, ports
from scow.runtime.net.ports import PortMapping
run = sys.argv[1]

def netns():
    namespaces.unshare(namespaces.CLONE_NEWNET)
    return os.open("/proc/self/ns/net", os.O_RDONLY)

def sock(ns, kind=socket.SOCK_STREAM, family=socket.AF_INET):
    namespaces.setns(ns)
    s = socket.socket(family, kind)
    namespaces.setns(host)
    s.settimeout(2)
    return s

def listen(ns, port, address="0.0.0.0"):
    s = sock(ns)
    s.bind((address, port))
    s.listen()
    return s

def reach(ns, server, address, port):
    # connect from ns, and answer there: the address the server saw, or the errno
    c = sock(ns)
    c.settimeout(0.7)
    try:
        c.connect((address, port))
    except TimeoutError:
        return "timeout"
    except OSError as e:
        return errno.errorcode[e.errno]
    s, peer = server.accept()
    s.sendall(b"hello")
    assert c.recv(9) == b"hello"
    s.close(), c.close()
    return peer[0]

world, c1, c2, c3, host = netns(), netns(), netns(), netns(), netns()
nl = netlink.Netlink()
fw = netlink.Netlink(netlink.NETLINK_NETFILTER)
nl.send([rt.up_request("lo"), rt.veth_request(rt.Veth("up0", "eth0", world, 0, 1400, "02:00:00:00:00:02")), rt.up_request("up0")])
up0 = rt.find_link(nl, "up0").index
nl.send([rt.address_request(up0, "203.0.113.1", 24)])
with netlink.Netlink(netns=world) as w:
    eth0 = rt.find_link(w, "eth0").index
    w.send([rt.up_request("lo"), rt.up_request("eth0"), rt.address_request(eth0, "203.0.113.2", 24)])
    w.send([rt.route_request(eth0, "203.0.113.1", "10.0.0.0", 8)])
nl.send([rt.route_request(up0, "203.0.113.2")])
net = nw.default_network(run)
"""


def on_host(body: str, tmp_path: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(body), f"{tmp_path}/run"],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_containers_reach_each_other_and_the_world(tmp_path: object) -> None:
    on_host(
        """
        one = at.attach(net, "a" * 64, c1, run)
        two = at.attach(net, "b" * 64, c2, run)
        assert (one.address, two.address, one.gateway, one.prefix) == ("10.87.0.2", "10.87.0.3", "10.87.0.1", 16)
        assert (one.mac, one.interface, one.warnings) == ("02:42:0a:57:00:02", "eth0", ())
        assert reach(c1, listen(c2, 80), two.address, 80) == one.address
        assert reach(c1, listen(world, 81), "203.0.113.2", 81) == "203.0.113.1"  # masqueraded
        assert reach(c1, listen(host, 82), one.gateway, 82) == one.address
        assert reach(c1, listen(c1, 83), "127.0.0.1", 83) == "127.0.0.1"
        assert reach(host, listen(c1, 84), one.address, 84) == one.gateway
        with netlink.Netlink(netns=c1) as inner:
            assert [(l.name, l.mtu, l.mac) for l in rt.links(inner) if l.name == "eth0"] == [("eth0", 1400, one.mac)]
            assert not [a for _, a, _ in rt.addresses(inner) if a.startswith("fe80")]
        """,
        tmp_path,
    )


def test_outsiders_do_not_get_in(tmp_path: object) -> None:
    on_host(
        """
        one = at.attach(net, "a" * 64, c1, run)
        other = nw.create("other", run)
        assert other.subnet == "10.86.0.0/16" and other.interface != net.interface
        two = at.attach(other, "b" * 64, c2, run)
        server = listen(c1, 80)
        assert reach(world, server, one.address, 80) == "timeout"
        assert reach(c2, server, one.address, 80) == "timeout"
        bridge.remove(other)
        assert rt.find_link(nl, other.interface) is None
        assert reach(host, server, one.address, 80) == one.gateway
        """,
        tmp_path,
    )


def test_published_ports_from_everywhere(tmp_path: object) -> None:
    on_host(
        """
        one, two = at.attach(net, "a" * 64, c1, run), at.attach(net, "b" * 64, c2, run)
        server = listen(c1, 80)
        mapped, held = ports.reserve([PortMapping(80, 8080), PortMapping(80, 0, "203.0.113.1"), PortMapping(53, 5353, protocol="udp")])
        firewall.publish("a" * 64, one.address, mapped)
        firewall.publish("a" * 64, one.address, mapped)  # again is fine
        assert firewall.published() == {"a" * 64: 3}
        assert reach(world, server, "203.0.113.1", 8080) == "203.0.113.2"  # the client's own address is kept
        assert reach(world, server, "203.0.113.1", mapped[1].host_port) == "203.0.113.2"
        assert reach(host, server, "127.0.0.1", 8080) == one.gateway
        assert reach(host, server, "127.0.0.1", mapped[1].host_port) == "ECONNREFUSED"
        assert reach(host, server, "203.0.113.1", 8080) == "203.0.113.1"
        assert reach(c2, server, "203.0.113.1", 8080) == one.gateway
        assert reach(c1, server, "203.0.113.1", 8080) == one.gateway  # its own port
        assert reach(c2, server, one.gateway, 8080) == one.gateway
        dns, asker = sock(c1, socket.SOCK_DGRAM), sock(world, socket.SOCK_DGRAM)
        dns.bind(("0.0.0.0", 53))
        asker.sendto(b"?", ("203.0.113.1", 5353))
        data, who = dns.recvfrom(9)
        dns.sendto(b"!", who)
        assert asker.recvfrom(9) == (b"!", ("203.0.113.1", 5353))
        at.detach(net, "a" * 64, run)
        assert firewall.published() == {} and addresses.held_by(run + "/net/bridge", "a" * 64) == []
        assert reach(world, server, "203.0.113.1", 8080) == "ECONNREFUSED"
        at.detach(net, "a" * 64, run)
        """,
        tmp_path,
    )


def test_a_thousand_published_ports(tmp_path: object) -> None:
    on_host(
        """
        one = at.attach(net, "a" * 64, c1, run)
        firewall.publish("a" * 64, one.address, [PortMapping(80, 10000 + n) for n in range(1000)])
        assert firewall.published() == {"a" * 64: 1000}
        assert reach(world, listen(c1, 80), "203.0.113.1", 10999) == "203.0.113.2"
        at.detach(net, "a" * 64, run)
        assert firewall.published() == {}
        """,
        tmp_path,
    )


def test_udp_flows_that_began_earlier_are_sent_on(tmp_path: object) -> None:
    on_host(
        """
        one = at.attach(net, "a" * 64, c1, run)
        dns, asker, other = sock(c1, socket.SOCK_DGRAM), sock(world, socket.SOCK_DGRAM), sock(host, socket.SOCK_DGRAM)
        dns.bind(("0.0.0.0", 53)), other.bind(("0.0.0.0", 5454))
        mapped, held = ports.reserve([PortMapping(53, 5353, protocol="udp")])
        for port in (5353, 5454):
            asker.sendto(b"early", ("203.0.113.1", port))
        firewall.publish("a" * 64, one.address, mapped)
        asker.sendto(b"late", ("203.0.113.1", 5353))
        assert dns.recvfrom(9)[0] == b"late"
        from scow.kernel.conntrack import forget_udp
        assert (forget_udp({1}), forget_udp({5454}), forget_udp({5454})) == (0, 1, 0)
        """,
        tmp_path,
    )


def test_containers_do_not_reach_the_hosts_loopback(tmp_path: object) -> None:
    on_host(
        """
        one = at.attach(net, "a" * 64, c1, run)
        secret = sock(host, socket.SOCK_DGRAM)
        secret.bind(("127.0.0.1", 999))
        open_ = sock(host, socket.SOCK_DGRAM)
        open_.bind(("0.0.0.0", 998))
        secret.settimeout(0.3), open_.settimeout(0.3)
        raw = sock(c1, socket.SOCK_RAW, socket.AF_PACKET)
        raw.bind(("eth0", 0))
        bridge_mac = rt.mac_bytes(rt.find_link(nl, net.interface).mac)

        def frame(source, to, port):
            udp = struct.pack(">HHHH", 5, port, 9, 0) + b"x"
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + socket.inet_aton(source) + socket.inet_aton(to)
            total = sum(struct.unpack(">10H", ip))
            total = (total & 0xFFFF) + (total >> 16)
            ip = ip[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
            raw.send(bridge_mac + rt.mac_bytes(one.mac) + b"\\x08\\x00" + ip + udp)

        def arrives(server, *args):
            frame(*args)
            with contextlib.suppress(TimeoutError):
                return bool(server.recv(9))
            return False

        assert arrives(open_, one.address, net.gateway, 998)  # such frames do arrive
        assert not arrives(secret, one.address, "127.0.0.1", 999)
        assert not arrives(open_, "127.0.0.1", net.gateway, 998)
        nft.commit(fw, [nft.delete_rule("ip", "scow", r) for r in nft.rules(fw, "ip", "scow", "guard")])
        assert arrives(secret, one.address, "127.0.0.1", 999)  # but for the guard
        assert firewall.ensure(net) == ()  # and it comes back
        assert not arrives(secret, one.address, "127.0.0.1", 999)
        """,
        tmp_path,
    )


def test_internal_network(tmp_path: object) -> None:
    on_host(
        """
        inner = nw.create("inner", run, internal=True)
        one, two = at.attach(inner, "a" * 64, c1, run), at.attach(inner, "b" * 64, c2, run)
        assert one.gateway == ""
        assert reach(c1, listen(c2, 80), two.address, 80) == one.address
        assert reach(c1, listen(world, 80), "203.0.113.2", 80) == "ENETUNREACH"
        with netlink.Netlink(netns=c1) as ns:
            ns.send([rt.route_request(rt.find_link(ns, "eth0").index, inner.gateway)])
        assert reach(c1, listen(world, 81), "203.0.113.2", 81) == "timeout"
        """,
        tmp_path,
    )


def test_run_directories_share_the_host(tmp_path: object) -> None:
    out = on_host(
        """
        pids = []
        for n in range(8):
            pid = os.fork()
            if pid == 0:
                mine = nw.default_network(f"{run}{n}")
                firewall.ensure(mine)
                os.write(1, f"{mine.subnet}\\n".encode())
                os._exit(0)
            pids.append(pid)
        assert all(os.waitpid(p, 0)[1] == 0 for p in pids)
        assert len(nft.rules(fw, "ip", "scow")) == 2 + 9 * 9
        """,
        tmp_path,
    ).split()
    assert sorted(out) == sorted(f"10.{n}.0.0/16" for n in range(86, 78, -1))


def test_several_networks_none_and_host(tmp_path: object) -> None:
    on_host(
        """
        other = nw.create("other", run)
        one = at.attach(net, "a" * 64, c1, run)
        more = at.attach(other, "a" * 64, c1, run, interface="eth1", address="10.86.7.7")
        assert (more.address, more.interface) == ("10.86.7.7", "eth1")
        at.attach(other, "b" * 64, c2, run)
        assert reach(c1, listen(c2, 80), "10.86.0.2", 80) == "10.86.7.7"
        assert reach(c1, listen(world, 80), "203.0.113.2", 80) == "203.0.113.1"
        at.disconnect(other, "a" * 64, c1, run, "eth1")
        with netlink.Netlink(netns=c1) as inner:
            assert sorted(l.name for l in rt.links(inner) if l.up) == ["eth0", "lo"]
        assert at.attach(nw.NONE, "c" * 64, c3, run) == at.Endpoint() == at.attach(nw.HOST, "c" * 64, c3, run)
        with netlink.Netlink(netns=c3) as inner:
            assert [l.name for l in rt.links(inner) if l.up] == ["lo"]
        """,
        tmp_path,
    )


def test_a_restarted_container_keeps_its_address(tmp_path: object) -> None:
    on_host(
        """
        ends = [at.attach(net, "a" * 64, ns, run) for ns in (c1, c2)]  # the first namespace still lingers
        assert ends[0] == ends[1]
        assert at.attach(net, "b" * 64, c3, run).address == "10.87.0.3"
        """,
        tmp_path,
    )


def test_what_a_crash_leaves_is_completed(tmp_path: object) -> None:
    on_host(
        """
        bridge.remove(net)
        nl.send([rt.bridge_request(net.interface, "02:42:0a:57:00:01", 1400)])  # killed before the address
        one = at.attach(net, "a" * 64, c1, run)
        assert reach(c1, listen(world, 80), "203.0.113.2", 80) == "203.0.113.1"
        subprocess.run(["nft", "flush", "ruleset"], check=True)  # as a firewall's reload does
        at.attach(net, "b" * 64, c2, run)
        assert reach(c1, listen(world, 81), "203.0.113.2", 81) == "203.0.113.1"
        os.unlink(run + "/net/bridge.json")
        assert nw.default_network(run) == net  # the bridge is adopted
        bad = os.open("/dev/null", os.O_RDONLY)
        try:
            at.attach(net, "d" * 64, bad, run)
        except OSError:
            assert addresses.held_by(run + "/net/bridge", "d" * 64) == []
        else:
            raise AssertionError
        """,
        tmp_path,
    )


def test_many_at_once_get_addresses_of_their_own(tmp_path: object) -> None:
    out = on_host(
        """
        pids = []
        for n in range(12):
            pid = os.fork()
            if pid == 0:
                ns = netns()
                namespaces.setns(host)
                end = at.attach(net, f"{n:064d}", ns, run)
                os.write(1, f"{end.address}\\n".encode())
                os._exit(0)
            pids.append(pid)
        assert all(os.waitpid(p, 0)[1] == 0 for p in pids)
        assert len(nft.rules(fw, "ip", "scow")) == 11
        """,
        tmp_path,
    ).split()
    assert sorted(out) == sorted(f"10.87.0.{n}" for n in range(2, 14))


def test_dockers_forward_chain_lets_our_bridge_pass(tmp_path: object) -> None:
    on_host(
        """
        ruleset = (
            "table ip filter {\\nchain DOCKER-USER {\\n}\\n"
            "chain FORWARD {\\ntype filter hook forward priority 0; policy drop;\\n%s\\n}\\n}"
        )
        def load(jump):
            subprocess.run(["nft", "-f", "-"], input="flush ruleset\\n" + ruleset % jump, text=True, check=True)
        bridge.remove(net)
        load("jump DOCKER-USER")
        one = at.attach(net, "a" * 64, c1, run)
        assert one.warnings == ()
        at.attach(net, "b" * 64, c2, run)
        assert len(nft.rules(fw, "ip", "filter", "DOCKER-USER")) == 2
        assert reach(c1, listen(world, 80), "203.0.113.2", 80) == "203.0.113.1"
        firewall.remove(net)
        assert nft.rules(fw, "ip", "filter", "DOCKER-USER") == []
        subprocess.run(["nft", "-f", "-"], input="flush ruleset\\n" + ruleset.replace("DOCKER-USER", "x") % "counter", text=True, check=True)
        warned = at.attach(net, "d" * 64, c3, run).warnings
        assert len(warned) == 1 and "ip filter FORWARD drops" in warned[0], warned
        """,
        tmp_path,
    )


def test_conflicts_are_named(tmp_path: object) -> None:
    out = on_host(
        """
        from scow.errors import Error
        at.attach(net, "a" * 64, c1, run)
        taken = listen(host, 8080)
        alive = lambda who: True
        second = nw.default_network(run + "2")
        assert (second.subnet, second.interface != net.interface) == ("10.86.0.0/16", True)
        for call in (
            lambda: at.attach(net, "b" * 64, c2, run, address="10.87.0.2", alive=alive),
            lambda: at.attach(net, "b" * 64, c2, run, address="10.87.0.1"),
            lambda: at.attach(net, "b" * 64, c2, run, address="10.99.0.1"),
            lambda: nw.create("x", run, subnet="10.87.128.0/17"),
            lambda: ports.reserve([PortMapping(80, 0), PortMapping(80, 8080)]),
            lambda: ports.reserve([PortMapping(80, 80, "198.51.100.7")]),
            lambda: ports.reserve([PortMapping(80, 80, "::1")]),
        ):
            try:
                call()
            except Error as e:
                print(type(e).__name__, e)
        assert at.attach(net, "b" * 64, c2, run, address="10.87.0.2", alive=lambda who: False).address == "10.87.0.2"
        """,
        tmp_path,
    ).splitlines()
    assert out == [
        "Conflict address 10.87.0.2 is in use by container aaaaaaaaaaaa",
        "Invalid address 10.87.0.1 cannot be given in network bridge (10.87.0.0/16)",
        "Invalid address 10.99.0.1 cannot be given in network bridge (10.87.0.0/16)",
        "Conflict subnet 10.87.128.0/17 overlaps with a route of this host",
        "Conflict bind for 0.0.0.0:8080 failed: port is already allocated",
        "Invalid bind for 198.51.100.7:80 failed: the host has no such address",
        "Unsupported publishing on IPv6 address ::1",
    ]
