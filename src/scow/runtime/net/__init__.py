"""Networks of containers: bridges, addresses, NAT, published ports, and the three files about names.

Everything is done from the host's network namespace. Nothing runs between commands: the kernel forwards and
translates, so there is no proxy process, and published ports work on 127.0.0.1 too because the bridge has
``route_localnet`` (with rules that keep containers from the host's own loopback). What is not there: published ports
on IPv6 addresses, and on ``[::1]``.
"""
