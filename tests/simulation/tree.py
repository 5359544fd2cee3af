"""The centres of a simulation, enrolled by the real authority with names and keys that are the same in every run."""

import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ed25519

from node.territory import Territory
from pki import names
from tests.fakes.authority import FakeFederation, small_federation
from tests.fakes.clock import START

PROVINCE, DISTRICT = "75", "731"


def centres(children: int) -> tuple[tuple[str, str, str, str | None], ...]:
    """A province, one district, and its communes."""
    communes = [(f"26{number:03}", f"COC số {number}", "coc", DISTRICT) for number in range(1, children + 1)]
    return ((PROVINCE, "IOC tỉnh", "ioc", None), (DISTRICT, "OC thành phố", "oc", PROVINCE), *communes)


class _Drawn:
    """Bytes that are the same in every run."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return sha256(b"simulation %d" % self.count).digest()[:size]


@cache
def territory() -> Territory:
    """The demo's units; the communes of a simulation are none of them, which a screen must bear."""
    return Territory.load(Path(__file__).parents[2] / "deploy" / "dongnai" / "territory.toml")


@cache
def federation(children: int) -> FakeFederation:
    """Made once for a process; what differs from run to run (TLS keys, certificates) reaches no decision."""
    draw = _Drawn()
    folder = tempfile.TemporaryDirectory(prefix="lienthong-sim-")

    def generate() -> ed25519.Ed25519PrivateKey:
        return ed25519.Ed25519PrivateKey.from_private_bytes(draw(32))

    with (
        patch.object(names, "secrets", SimpleNamespace(token_bytes=draw)),
        patch.object(ed25519.Ed25519PrivateKey, "generate", generate),
    ):
        made = small_federation(Path(folder.name), START, centres(children))
    made.temporary = folder  # goes with the process
    return made
