"""What counts as one asker when turns are rationed."""

import ipaddress

_IPV6_NETWORK_BITS = 64


def network_of(host: str) -> str:
    """An IPv4 address, or the /64 network that one IPv6 subscriber has."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), _IPV6_NETWORK_BITS), strict=False))
