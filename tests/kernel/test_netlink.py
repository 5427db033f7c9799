"""Links and rules made by our own messages, judged by ip(8) and nft(8), in network namespaces of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from scow.kernel import netlink

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="network namespaces need root")
needs_ip = pytest.mark.skipif(not shutil.which("ip"), reason="needs iproute2 as the oracle")
needs_nft = pytest.mark.skipif(not shutil.which("nft"), reason="needs nft as the oracle")


def in_netns(body: str) -> str:
    """Run code in a fresh network namespace, with `other`, a descriptor of a second one; what it prints."""
    head = """
        import errno, json, os, subprocess
        from scow.kernel import namespaces, netlink, nft_expressions as x, nftables as nft, rtnetlink as rt
        namespaces.unshare(namespaces.CLONE_NEWNET)
        other = os.open("/proc/self/ns/net", os.O_RDONLY)
        namespaces.unshare(namespaces.CLONE_NEWNET)
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        def run(*argv, netns=here):
            return subprocess.run(argv, check=True, capture_output=True, text=True,
                                  preexec_fn=lambda: namespaces.setns(netns)).stdout
        nl = netlink.Netlink()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(body)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_attributes_of_hostile_bytes() -> None:
    assert netlink.attributes(b"\x08\x00\x01\x00abcd\xff\xff\x02\x00x") == {1: b"abcd"}
    assert netlink.attributes(b"\x00\x00\x01\x00") == {}
    assert netlink.attributes(netlink.attr(3, b"abc") + netlink.nest(4, netlink.attr(1, b""))) == {
        3: b"abc",
        4: b"\x04\x00\x01\x00",
    }


@needs_ip
def test_bridge_and_veth() -> None:
    in_netns(
        """
        nl.send([rt.up_request("lo"), rt.bridge_request("br", "02:42:0a:01:00:01", 1450),
                 rt.no_ipv6_request("br"), rt.up_request("br")])
        bridge = rt.find_link(nl, "br")
        assert (bridge.kind, bridge.mtu, bridge.mac, bridge.up) == ("bridge", 1450, "02:42:0a:01:00:01", True)
        nl.send([rt.address_request(bridge.index, "10.1.0.1", 16),
                 rt.veth_request(rt.Veth("v1", "eth0", other, bridge.index, 1450, "02:42:0a:01:00:02")),
                 rt.no_ipv6_request("v1"), rt.up_request("v1")])
        with netlink.Netlink(netns=other) as inner:
            assert os.path.sameopenfile(here, os.open("/proc/self/ns/net", os.O_RDONLY))
            eth0 = rt.find_link(inner, "eth0")
            inner.send([rt.up_request("lo"), rt.no_ipv6_request("eth0"), rt.up_request("eth0"), rt.address_request(eth0.index, "10.1.0.2", 16),
                        rt.route_request(eth0.index, "10.1.0.1"),
                        rt.route_request(eth0.index, "10.1.0.9", "192.168.5.0", 24)])
            assert rt.routes(inner)[0] == rt.Route(2, "", 0, "10.1.0.1", eth0.index)
            assert (eth0.index, "10.1.0.2", 16) in rt.addresses(inner)
        assert [l.master for l in rt.links(nl) if l.name == "v1"] == [bridge.index]
        got = {l["ifname"]: l for l in json.loads(run("ip", "-d", "-j", "addr", netns=other))}
        eth0 = got["eth0"]
        assert (eth0["address"], eth0["mtu"], eth0["operstate"]) == ("02:42:0a:01:00:02", 1450, "UP"), eth0
        assert [(a["local"], a["prefixlen"], a.get("broadcast")) for a in eth0["addr_info"]] == [
            ("10.1.0.2", 16, "10.1.255.255")], eth0
        assert run("ip", "route", netns=other).split()[:5] == ["default", "via", "10.1.0.1", "dev", "eth0"]
        assert "192.168.5.0/24 via 10.1.0.9" in run("ip", "route", netns=other)
        run("ping", "-c1", "-W2", "10.1.0.1", netns=other) if os.path.exists("/bin/ping") else None
        nl.send([rt.change_request(bridge.index, mtu=1400, mac="02:00:00:00:00:07")])
        assert rt.find_link(nl, "br").mtu == 1400
        nl.send([rt.delete_request(rt.find_link(nl, "v1").index)])
        assert rt.find_link(nl, "v1") is None
        """
    )


def test_errors_name_the_request_and_carry_the_kernels_words() -> None:
    out = in_netns(
        """
        nl.send([rt.bridge_request("br", "02:42:0a:01:00:01", 1500)])
        for request in (rt.bridge_request("br", "02:42:0a:01:00:01", 1500), rt.route_request(1, "10.9.9.9"),
                        rt.change_request(rt.find_link(nl, "br").index, mtu=10), rt.delete_request(999)):
            try:
                nl.send([request])
            except OSError as e:
                print(e)
        """
    ).splitlines()
    assert out[0].startswith("[Errno 17] add bridge br: File exists")
    assert "add route via 10.9.9.9" in out[1] and out[1].endswith(")")
    assert len(out) == 4


def test_ipv6_addresses_and_routes() -> None:
    in_netns(
        """
        nl.send([rt.bridge_request("br", "02:42:0a:01:00:01", 1500)])
        index = rt.find_link(nl, "br").index
        nl.send([rt.up_request("br"), rt.address_request(index, "fd00:1::2", 64), rt.route_request(index, "fd00:1::1")])
        assert (index, "fd00:1::2", 64) in rt.addresses(nl)
        assert [r.gateway for r in rt.routes(nl, 10) if not r.destination and r.gateway] == ["fd00:1::1"]
        """
    )


@needs_nft
def test_rules_as_nft_reads_them() -> None:
    in_netns(
        """
        fw = netlink.Netlink(netlink.NETLINK_NETFILTER)
        chains = [nft.Chain("post", "postrouting", "nat", 100), nft.Chain("fwd", "forward"), nft.Chain("ports"),
                  nft.Chain("pre", "prerouting", "nat", -100)]
        setup = [nft.add_table("ip", "scow"), *[nft.add_chain("ip", "scow", c) for c in chains]]
        nft.commit(fw, setup)
        nft.commit(fw, setup)  # again is fine
        def rule(chain, comment, *parts, first=False):
            return nft.add_rule("ip", "scow", chain, parts, comment, first=first)
        nft.commit(fw, [
            rule("post", "a", x.network("10.1.0.0", 16, source=True), x.oif("br0", equal=False), x.masquerade()),
            rule("fwd", "b", x.oif("br0"), x.established(), x.verdict(x.ACCEPT)),
            rule("fwd", "b", x.oif("br0"), x.was_dnat(), x.counter(), x.verdict(x.ACCEPT)),
            rule("fwd", "c", x.verdict(x.DROP), first=True),
            rule("pre", "d", x.to_this_host(), x.verdict(x.JUMP, "ports")),
            rule("ports", "e", x.network("192.0.2.1", 32, source=False),
                 x.destination_port("tcp", 8080), x.dnat("10.1.0.2", 80)),
        ])
        listed = [" ".join(l.split()) for l in run("nft", "list", "table", "ip", "scow").splitlines()]
        for want in (
            'ip saddr 10.1.0.0/16 oifname != "br0" masquerade comment "a"',
            'oifname "br0" ct state established,related accept comment "b"',
            'oifname "br0" ct status dnat counter packets 0 bytes 0 accept comment "b"',
            'fib daddr type local jump ports comment "d"',
            'ip daddr 192.0.2.1 tcp dport 8080 dnat to 10.1.0.2:80 comment "e"',
            "type nat hook postrouting priority srcnat; policy accept;",
            "type nat hook prerouting priority dstnat; policy accept;",
        ):
            assert want in listed, (want, listed)
        found = nft.rules(fw, "ip", "scow")
        assert [r.comment for r in nft.rules(fw, "ip", "scow", "fwd")] == ["c", "b", "b"], found
        assert sorted(r.comment for r in found) == ["a", "b", "b", "c", "d", "e"]
        nft.commit(fw, [nft.delete_rule("ip", "scow", r) for r in found if r.comment == "b"])
        assert len(nft.rules(fw, "ip", "scow")) == 4
        assert nft.rules(fw, "ip", "nothing") == []
        assert nft.FoundChain("ip", "scow", "fwd", "forward", "accept") in nft.chains(fw)
        nft.commit(fw, [nft.delete_table("ip", "scow")])
        assert run("nft", "list", "ruleset") == ""
        """
    )


def test_a_batch_is_all_or_nothing() -> None:
    out = in_netns(
        """
        fw = netlink.Netlink(netlink.NETLINK_NETFILTER)
        nft.commit(fw, [nft.add_table("ip", "t")])
        try:
            nft.commit(fw, [nft.add_chain("ip", "t", nft.Chain("good")),
                            nft.add_rule("ip", "t", "missing", [x.verdict(x.DROP)], "no")])
        except OSError as e:
            print(e)
        assert nft.chains(fw) == []
        """
    )
    assert "add rule ip t missing (no): No such file or directory" in out


@needs_nft
def test_ip6_rules() -> None:
    out = in_netns(
        """
        fw = netlink.Netlink(netlink.NETLINK_NETFILTER)
        nft.commit(fw, [nft.add_table("ip6", "t"), nft.add_chain("ip6", "t", nft.Chain("p", "postrouting", "nat", 100)),
            nft.add_rule("ip6", "t", "p", [x.network("fd00:1::", 60, source=True), x.masquerade()], "m"),
            nft.add_chain("ip6", "t", nft.Chain("d", "output", "nat", -100)),
            nft.add_rule("ip6", "t", "d", [x.destination_port("udp", 53), x.dnat("fd00:1::5", 5353)], "n")])
        print(run("nft", "list", "ruleset"))
        """
    )
    assert "ip6 saddr fd00:1::/60 masquerade" in out
    assert "udp dport 53 dnat to [fd00:1::5]:5353" in out
