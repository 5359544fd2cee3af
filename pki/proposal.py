"""A change of the tree on its way from the first signer to the second and back, as a file.

The file holds the registry that it starts from, the contents that shall follow, and the approvals so far. Whoever signs
is shown what changes, read out of the contents themselves and not out of words that came along.
"""

import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509

from pki import encoding
from pki.approval import Approval, SigningKey, approver
from pki.contents import CentreEntry, Contents
from pki.errors import PkiError
from pki.registry import Registry
from pki.statement import MAX_BYTES, decode_approvals, decode_contents, encode_approvals, encode_contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The registry in force (as it was signed), what its tree shall become, and who approved that."""

    base: bytes
    contents: Contents
    approvals: tuple[Approval, ...] = ()

    def encoded(self) -> bytes:
        """The bytes of the file."""
        body = {
            "base": _text(self.base),
            "contents": _text(encode_contents(self.contents)),
            "approvals": encode_approvals(self.approvals),
        }
        return json.dumps(body, indent=1).encode() + b"\n"

    def approved(self, signer: SigningKey, root: x509.Certificate) -> "Proposal":
        """The same with one more approval; ALREADY_SIGNED if that signer has approved."""
        fresh = signer.approve(self.contents)
        key = approver(self.contents, fresh, root)
        if key is None:
            raise PkiError("NOT_A_SIGNER", "this key is no signer of this federation, or its time has ended")
        if key in {approver(self.contents, one, root) for one in self.approvals}:
            raise PkiError("ALREADY_SIGNED", "this key has signed already; the second signature is another person's")
        return replace(self, approvals=(*self.approvals, fresh))


def read_proposal(raw: bytes) -> Proposal:
    """The proposal in a file; BAD_PROPOSAL if it is none. Nothing of it is believed yet."""
    if len(raw) > 4 * MAX_BYTES:
        raise PkiError("BAD_PROPOSAL", "the file is larger than any proposal")
    try:
        body: Any = json.loads(raw)
        return Proposal(
            base=_bytes(body["base"]),
            contents=decode_contents(_bytes(body["contents"])),
            approvals=decode_approvals(body["approvals"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PkiError("BAD_PROPOSAL", "this file is no proposal") from error


def changes(before: Registry, after: Contents) -> list[str]:
    """One sentence for each thing that the proposal changes in the tree."""
    titles = {one.name: f"{one.title} ({one.code})" for one in (*before.centres, *after.centres)}
    found = [_centre_change(before.centre(one.name), one, titles) for one in after.centres]
    kept = {one.name for one in after.centres}
    found += [f"- {titles[one.name]} is forgotten" for one in before.centres if one.name not in kept]
    known = set(before.contents.issuing)
    found += [f"! {_authority(one)} may certify from now on" for one in after.issuing if one not in known]
    found += [f"! {_authority(one)} may certify no more" for one in known - set(after.issuing)]
    if after.sealing != before.contents.sealing:
        found.append("! requests are sealed to another key from now on")
    return [one for one in found if one]


def merged(before: Registry, proposal: Proposal) -> Contents:
    """The registry in force with the proposed tree, whatever states changed meanwhile; STALE_PROPOSAL if it is old."""
    after, now = proposal.contents, before.contents
    if after.tree_version != before.tree_version + 1:
        reason = f"it would follow tree {after.tree_version - 1}, in force is tree {before.tree_version}"
        raise PkiError("STALE_PROPOSAL", f"the tree has changed since this was proposed: {reason}")
    centres = tuple(_merged_centre(before.centre(one.name), one) for one in after.centres)
    return replace(
        now,
        tree_version=after.tree_version,
        tree_at=after.tree_at,
        issuing=after.issuing,
        sealing=after.sealing,
        centres=centres,
    )


def _merged_centre(known: CentreEntry | None, proposed: CentreEntry) -> CentreEntry:
    if known is None:
        return replace(proposed, state="planned", until=None, sign_certificates=(), auth_keys=())
    return replace(
        known,
        code=proposed.code,
        title=proposed.title,
        tier=proposed.tier,
        parent=proposed.parent,
        since=proposed.since,
    )


def _centre_change(known: CentreEntry | None, proposed: CentreEntry, titles: dict[str, str]) -> str:
    title = f"{proposed.title} ({proposed.code}, {proposed.tier})"
    if known is None:
        where = f"below {titles.get(proposed.parent, proposed.parent)}" if proposed.parent else "at the top"
        return f"+ {title} joins {where}"
    if known.parent != proposed.parent:
        old, new = (titles.get(one, one) if one else "the top" for one in (known.parent, proposed.parent))
        return f"> {title} moves from {old} to {new}"
    facts = [(one.code, one.title, one.tier, one.since) for one in (known, proposed)]
    return "" if facts[0] == facts[1] else f"~ {titles[known.name]} becomes {title}"


def _authority(der: bytes) -> str:
    fingerprint = encoding.sha256(der).hex()[:16]
    return f"the issuing authority {fingerprint}"


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
