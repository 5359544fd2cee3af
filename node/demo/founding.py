"""A federation from nothing: root, authority, the planned tree, and each centre's keys.

The root's key is made in a folder of its own and used once; no node is given that folder. Every step is skipped where
an earlier start has done it, so that a start which was interrupted is simply repeated.
"""

from federation.enrolment.visit import enrol_at_home, enrol_at_parent
from node.clock import Clock
from node.demo.ports import LOOPBACK
from node.demo.sites import Site, Sites
from pki.authority import Authority
from pki.enrol_token import parse_token
from pki.errors import PkiError
from pki.founding import create_issuing, create_root
from pki.keystore import Keystore

_PATIENCE_S = 180.0
_AGAIN_S = 0.3


def lay(sites: Sites, clock: Clock) -> Authority:
    """Make the root and the authority and plan every centre, as far as that has not been done."""
    now = clock.now()
    if not (sites.root_of_trust / "root.pem").exists():
        create_root(sites.root_of_trust, title=f"Demonstration root of {sites.plan.root.code}", now=now)
    if (sites.authority / "registry.signed").exists():
        authority = Authority.load(sites.authority)
    else:
        authority = create_issuing(sites.root_of_trust, sites.authority, now=now)
    for centre in sites.plan.centres:
        registry = authority.registry
        if registry.by_code(centre.code) is None:
            parent = registry.by_code(centre.parent) if centre.parent else None
            authority.plan(centre.code, centre.title, centre.tier, parent.name if parent else None, now)
    return authority


async def enrol(sites: Sites, site: Site, authority: Authority, clock: Clock) -> None:
    """Give one centre its keys by a one-time token: at home for the root, else over the wire at its parent's desk."""
    if Keystore.exists(site.keys):
        return
    entry = authority.registry.by_code(site.centre.code)
    lost_its_keys = entry is not None and entry.state == "active"
    token = parse_token(authority.issue_token(site.centre.code, clock.now(), replace_keys=lost_its_keys))
    if not site.centre.parent:
        enrol_at_home(authority, token, site.keys, clock.now, code=site.centre.code)
        return
    desk = f"{LOOPBACK}:{sites[site.centre.parent].enrol}"
    deadline = clock.monotonic() + _PATIENCE_S
    while True:
        try:
            await enrol_at_parent(desk, token, site.keys, clock.now, code=site.centre.code)
        except PkiError:
            # The parent itself may still be on its way up: its desk opens, then its own link to the authority.
            if clock.monotonic() > deadline:
                raise
            await clock.sleep(_AGAIN_S)
        else:
            return
