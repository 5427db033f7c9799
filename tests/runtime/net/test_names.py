"""Addresses, subnets, network files, hosts and resolv.conf."""

from __future__ import annotations

import os

import pytest

from scow.errors import Corrupt, Invalid, NotFound, Unavailable
from scow.runtime.net import addresses, ipv4, names, network, resolv
from scow.runtime.net.network import NetworkConfig
from scow.runtime.net.resolv import Resolver

SMALL = NetworkConfig("small", "10.1.2.0/29", "10.1.2.1", "br")


@pytest.mark.parametrize(
    "wrong", ["10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0/8", "x/8", "10.0.0.0/-1", "", "::/64"]
)
def test_wrong_subnets(wrong: str) -> None:
    with pytest.raises(Invalid):
        ipv4.parse(wrong)


def test_overlap() -> None:
    def overlap(a: str, b: str) -> bool:
        return ipv4.overlap(ipv4.parse(a), ipv4.parse(b))

    assert overlap("10.0.0.0/8", "10.9.0.0/16") and overlap("10.9.0.0/16", "10.0.0.0/8")
    assert not overlap("10.8.0.0/16", "10.9.0.0/16")
    assert ipv4.overlap((ipv4.number("10.9.1.1"), 32), ipv4.parse("10.9.0.0/16"))
    assert ipv4.mac("10.87.0.2") == "02:42:0a:57:00:02"


def test_subnets_avoid_what_is_in_use() -> None:
    assert network.choose_subnet([]) == "10.87.0.0/16"
    assert network.choose_subnet([ipv4.parse("10.87.3.0/24"), (ipv4.number("10.86.0.1"), 32)]) == "10.85.0.0/16"
    assert network.choose_subnet([ipv4.parse("10.0.0.0/8")]) == "192.168.220.0/24"
    with pytest.raises(Unavailable):
        network.choose_subnet([ipv4.parse("10.0.0.0/8"), ipv4.parse("192.168.0.0/16")])
    assert all(ipv4.parse(s) for s in network.candidates())


def test_network_files(tmp_path: object) -> None:
    directory = f"{tmp_path}/n"
    with pytest.raises(NotFound):
        network.load(directory, "small")
    network.save(directory, SMALL)
    assert network.load(directory, "small") == SMALL
    assert os.listdir(directory) == ["small.json"]
    for text in ("{", "[]", '{"name": "small", "colour": 1}', '{"name": "small", "subnet": "x"}'):
        with open(f"{directory}/small.json", "w") as f:
            f.write(text)
        with pytest.raises(Corrupt):
            network.load(directory, "small")


@pytest.mark.parametrize(
    "wrong",
    [
        NetworkConfig("../x", "10.1.2.0/29", "10.1.2.1", "br"),
        NetworkConfig("x", "10.1.2.0/29", "10.1.2.8", "br"),
        NetworkConfig("x", "10.1.2.0/29", "10.1.2.7", "br"),
        NetworkConfig("x", "10.1.2.0/29", "10.1.2.1", "b" * 16),
        NetworkConfig("x", driver="macvlan"),
    ],
)
def test_wrong_networks(wrong: NetworkConfig) -> None:
    with pytest.raises(Invalid):
        network.validate(wrong)


def test_allocation_is_lowest_first_and_reclaims(tmp_path: object) -> None:
    path = str(tmp_path)
    got = [addresses.allocate(path, SMALL, who) for who in "abcde"]
    assert got == ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]
    assert addresses.allocate(path, SMALL, "c") == "10.1.2.4"
    with pytest.raises(Unavailable, match="no free address"):
        addresses.allocate(path, SMALL, "f", alive=lambda who: True)
    assert addresses.allocate(path, SMALL, "f", alive=lambda who: who != "d") == "10.1.2.5"
    addresses.release(path, "a")
    assert addresses.held_by(path, "f") == ["10.1.2.5"]
    assert addresses.allocate(path, SMALL, "g") == "10.1.2.2"
    with open(f"{path}/10.1.2.3", "w"):
        pass  # killed while writing
    assert addresses.reclaim(path, lambda who: True) == ["10.1.2.3"]


def test_hosts_is_dockers() -> None:
    assert names.hosts("web.example.org", "172.17.0.2", [("foo", "1.2.3.4")]) == (
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
        "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n1.2.3.4\tfoo\n172.17.0.2\tweb.example.org web\n"
    )
    assert names.hosts("c0ffee", "10.0.0.2", domain="lan").endswith("10.0.0.2\tc0ffee.lan c0ffee\n")
    assert "c0ffee" not in names.hosts("c0ffee")
    assert names.host_hosts("127.0.0.1 localhost", [("a", "1.1.1.1")]) == "127.0.0.1 localhost\n1.1.1.1\ta\n"


def test_extra_hosts() -> None:
    assert names.parse_extra_host("a:1.2.3.4") == names.parse_extra_host("a=1.2.3.4") == ("a", "1.2.3.4")
    assert names.parse_extra_host("a:::1") == names.parse_extra_host("a=[::1]") == ("a", "::1")
    assert names.parse_extra_host("h:host-gateway", "10.0.0.1") == ("h", "10.0.0.1")
    for wrong in ("a", "a:", ":1.1.1.1", "a:1.1.1", "a:host-gateway"):
        with pytest.raises(Invalid):
            names.parse_extra_host(wrong)


@pytest.fixture
def host(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> object:
    def write(text: str, resolved: str = "") -> None:
        for name, content in (("HOST_FILE", text), ("RESOLVED_FILE", resolved)):
            path = f"{tmp_path}/{name}"
            with open(path, "w") as f:
                f.write(content)
            monkeypatch.setattr(resolv, name, path)

    return write


def test_resolv_conf(host: object) -> None:
    host("# x\nnameserver 127.0.0.53\nnameserver 10.0.0.53 # y\nsearch a\nsearch b c\noptions ndots:2\n")  # type: ignore[operator]
    assert resolv.resolv_conf() == resolv.ResolvConf("nameserver 10.0.0.53\nsearch b c\noptions ndots:2\n")
    kept = resolv.resolv_conf(host_network=True).text
    assert kept.startswith("nameserver 127.0.0.53\nnameserver 10.0.0.53\n")
    asked = Resolver(("127.0.0.1",), (".",), ("rotate",))
    assert resolv.resolv_conf(asked).text == "nameserver 127.0.0.1\noptions rotate\n"


def test_resolv_conf_of_a_host_with_only_loopback_servers(host: object) -> None:
    host("nameserver 127.0.0.53\nnameserver ::1\n", "nameserver fe80::1%eth0\nnameserver 192.0.2.53\n")  # type: ignore[operator]
    assert resolv.resolv_conf() == resolv.ResolvConf("nameserver 192.0.2.53\n")
    host("nameserver 127.0.0.53\n")  # type: ignore[operator]
    got = resolv.resolv_conf()
    assert got.text == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n" and "no server a container can reach" in got.reason
