"""Runs cases in the format of the public x509-limbo suite against the gate's own path validation.

The gate knows no expected name (the registry decides about names) and no certificate policies, and it wants one issuing
authority between leaf and root. So of the suite those cases are relevant that are about the path and the certificates
on it; what tests a matching of names, or a feature that ours has not, is counted and left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.x509 import verification

from pki import encoding
from pki.errors import PkiError
from pki.gate import verified_path

RELEVANT = ("rfc5280::", "pathlen::", "pathological::", "invalid::", "crl::")
NOT_OURS = ("::san::", "::cn::", "::crl::", "policy", "policies")  # names, lists of revoked ones, policies


@dataclass(frozen=True)
class Case:
    """One case: what is shown, when, and whether the suite wants it taken."""

    name: str
    leaf: str
    between: tuple[str, ...]
    roots: tuple[str, ...]
    at: datetime
    good: bool


def relevant(suite: dict[str, Any], now: datetime) -> Iterator[Case]:
    """The cases that say something about the gate."""
    for one in suite["testcases"]:
        name = str(one["id"])
        if one.get("features") or not name.startswith(RELEVANT) or any(word in name for word in NOT_OURS):
            continue
        at = one.get("validation_time")
        yield Case(
            name=name,
            leaf=one["peer_certificate"],
            between=tuple(one["untrusted_intermediates"]),
            roots=tuple(one["trusted_certs"]),
            at=datetime.fromisoformat(at).astimezone(UTC) if at else now,
            good=one["expected_result"] == "SUCCESS",
        )


def taken(case: Case) -> bool:
    """Whether the gate's path validation takes the chain; its rules for names and uses are left aside."""
    anything = verification.ExtensionPolicy.permit_all()
    try:
        leaf, *between = (encoding.from_pem(one.encode(), "x") for one in (case.leaf, *case.between))
        roots = [encoding.from_pem(one.encode(), "x") for one in case.roots]
        verified_path(leaf, between, roots, case.at, anything)
    except (verification.VerificationError, PkiError, *encoding.MALFORMED):
        return False
    return True


def pem(*certificates: x509.Certificate) -> list[str]:
    """Certificates as they stand in the suite."""
    return [encoding.pem(one).decode() for one in certificates]
