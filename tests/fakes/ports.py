"""Ports for servers of the tests."""

from node.demo.ports import choose


def free_port() -> int:
    """A loopback port that is free, and that no outgoing connection of this machine is given."""
    return choose([0])[0]
