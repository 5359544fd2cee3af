"""The harness for the public x509-limbo suite, first on cases of our own, so that it cannot be blind."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from pki import encoding, profile
from tests.fakes.authority import THREE_TIERS, FakeFederation, real_now, small_federation
from tests.pki import limbo

SUITE = "LIENTHONG_X509_LIMBO"


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> FakeFederation:
    return small_federation(tmp_path_factory.mktemp("land"), centres=THREE_TIERS)


def case(land: FakeFederation, name: str, result: str, *chain: x509.Certificate, **rest: Any) -> dict[str, Any]:
    leaf, *between = limbo.pem(*chain)
    return {
        "id": name,
        "features": None,
        "validation_kind": "CLIENT",
        "trusted_certs": limbo.pem(encoding.from_pem(land.root_pem, "root")),
        "untrusted_intermediates": between,
        "peer_certificate": leaf,
        "validation_time": None,
        "expected_result": result,
        **rest,
    }


def test_the_harness_tells_good_from_bad(land: FakeFederation, tmp_path: Path) -> None:
    leaf, issuing = x509.load_pem_x509_certificates(land.keystore("26374").tls_chain_pem)
    other = small_federation(tmp_path, centres=THREE_TIERS, foreign=True)
    foreign = x509.load_pem_x509_certificates(other.keystore("26374").tls_chain_pem)
    late = (land.now + profile.AUTH_LIFE + timedelta(days=1)).isoformat()
    suite = {
        "version": 1,
        "testcases": [
            case(land, "rfc5280::good", "SUCCESS", leaf, issuing),
            case(land, "rfc5280::late", "FAILURE", leaf, issuing, validation_time=late),
            case(land, "rfc5280::no-issuer", "FAILURE", leaf),
            case(land, "pathological::foreign", "FAILURE", *foreign),
            case(land, "rfc5280::san::mismatch", "FAILURE", leaf, issuing),
            case(land, "rfc5280::pedantic", "FAILURE", leaf, issuing, features=["pedantic-rfc5280"]),
        ],
    }
    cases = list(limbo.relevant(suite, land.now))
    assert [one.name.rpartition("::")[2] for one in cases] == ["good", "late", "no-issuer", "foreign"]
    assert [limbo.taken(one) for one in cases] == [one.good for one in cases]


def test_the_public_suite() -> None:
    """Everything relevant that the suite wants refused is refused; and something that it wants taken is taken."""
    path = os.environ.get(SUITE)
    if path is None:
        pytest.skip(f"the public suite is not part of this repository: {SUITE} names its limbo.json")
    cases = list(limbo.relevant(json.loads(Path(path).read_text("utf-8")), real_now()))
    bad = [one for one in cases if not one.good]
    assert len(bad) > 20
    assert [one.name for one in bad if limbo.taken(one)] == []
    assert any(limbo.taken(one) for one in cases)
