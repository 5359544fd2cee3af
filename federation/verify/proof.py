"""A whole bundle held against the one root certificate."""

import hashlib
import re
from collections.abc import Mapping

from . import bundle, chains, figures, manifest, pack, sums
from .certificates import SignKey, Trust
from .enclosures import enclosed_in
from .floors import FLOORS, Floor, beginning_of, check_floor, open_floor
from .frames import Frame, Record, open_enclosed, open_frame, origin_of_enclosed
from .registry import listings
from .verdict import Damaged, Verdict

REGISTRY = "registry.signed"
_CENTRE = re.compile(r"n-[a-z2-7]{16}\.lienthong\.internal")
_LEVELS_ENCLOSED = 8


def prove(raw: bytes, root_pem: bytes) -> Verdict:
    """Everything that holds in a bundle and everything that does not; never raises for what is in the bundle."""
    verdict = Verdict()
    try:
        members = bundle.unpack(raw)
        trust = Trust(root_pem, (members[name] for name in sorted(members) if name.startswith(bundle.ISSUING)))
    except Damaged as error:
        verdict.blame(_centre_in(error.reason), "bundle", error)
        return verdict
    try:
        verdict.titles.update(listings(members.get(REGISTRY, b""), root_pem))
    except Damaged as error:
        verdict.blame("", REGISTRY, error)
    prover = _Prover(members, trust, verdict)
    if pack.is_pack(members):
        prover.prove_pack()
    else:
        prover.prove_streams()
    prover.hold_against_manifest(raw)
    return verdict


class _Prover:
    """One bundle on its way to a verdict."""

    def __init__(self, members: Mapping[str, bytes], trust: Trust, verdict: Verdict) -> None:
        self._members = members
        self._verdict = verdict
        self._keys: dict[tuple[str, bytes], SignKey] = {}
        self._enclosed: set[tuple[str, bytes]] = set()
        self._states: dict[tuple[str, bytes], list[figures.State]] = {}
        for name, content in sorted(members.items()):
            if name.startswith(bundle.CERTIFICATES):
                self._take_certificate(trust, name, content)

    def _take_certificate(self, trust: Trust, name: str, content: bytes) -> None:
        """A certificate that does not hold is blamed once and gives no key."""
        try:
            key = trust.sign_key(content)
        except Damaged as error:
            self._verdict.blame(_centre_in(name), name, error)
            return
        self._keys[key.centre, key.key_id] = key
        if name != f"{bundle.CERTIFICATES}{key.centre}/{key.key_id.hex()}.der":
            reason = f"the certificate of {key.centre} stands in another's place"
            self._verdict.blame(_centre_in(name), name, Damaged("SIGN_CERTIFICATE", reason))

    def _key_for(self, centre: str, key_id: bytes) -> SignKey | None:
        return self._keys.get((centre, key_id))

    def prove_pack(self) -> None:
        """What a pack proves of its subject."""
        try:
            listed = manifest.read(self._members, self._key_for)
        except Damaged:
            return  # blamed when the members are held against it
        self._verdict.subject = listed.subject
        pack.Pack(self._members, self._key_for, listed, self._verdict).prove()

    def prove_streams(self) -> None:
        """Each epoch by itself, then each stream's epochs in their order."""
        floors = self._open_floors()
        streams: dict[str, dict[bytes, list[Frame]]] = {}
        broken: set[str] = set()
        for name in sorted(name for name in self._members if name.startswith(bundle.FRAMES)):
            stream = name.rpartition("/")[0]
            try:
                frames = self._prove_epoch(name, is_cut=stream in floors)
            except Damaged as error:
                self._verdict.blame(_centre_in(name), name, error)
                broken.add(stream)
            else:
                streams.setdefault(stream, {})[frames[0].header.epoch] = frames
        for stream, epochs in streams.items():
            self._count(_centre_in(stream), epochs)
            if stream not in broken:
                self._prove_order(stream, epochs, floors.get(stream))
        self._hold_states_together()

    def _hold_states_together(self) -> None:
        """The states of figures, listed, and each revision against the one before."""
        states = [one for several in self._states.values() for one in several]
        for one in states:
            self._verdict.count(one.centre).figures += 1
        for one in figures.unchained(states):
            reason = f"revision {one.revision} of {one.indicator} for {one.period} does not follow the one before"
            self._verdict.blame(one.centre, one.period, Damaged("FIGURE", reason))
        cut = frozenset(beginning.origin for beginning in self._verdict.beginnings)
        for finding in sums.check(states, cut):
            self._verdict.blame(finding.centre, finding.where, finding.error)
        for one in states:
            self._verdict.count(one.centre).totals += bool(one.parts)

    def _open_floors(self) -> dict[str, Floor]:
        """The receipts for beginnings that were given up, by stream; one that does not hold excuses nothing."""
        parents = {name: listing.parent for name, listing in self._verdict.titles.items()}
        found = {}
        for name in sorted(name for name in self._members if name.startswith(FLOORS)):
            try:
                floor = open_floor(self._members[name], name, parents, self._key_for)
            except Damaged as error:
                self._verdict.blame(_centre_in(error.reason) or _centre_in(name), name, error)
            else:
                found[bundle.FRAMES + name.removeprefix(FLOORS)] = floor
        return found

    def _count(self, centre: str, epochs: Mapping[bytes, list[Frame]]) -> None:
        count = self._verdict.count(centre)
        count.streams += 1
        count.frames += sum(len(frames) for frames in epochs.values())
        count.records += sum(len(frame.records) for frames in epochs.values() for frame in frames)

    def _prove_order(self, stream: str, epochs: Mapping[bytes, list[Frame]], floor: Floor | None) -> None:
        try:
            first = chains.check_epochs(epochs, is_cut=floor is not None)
            if floor is not None and not chains.is_begin(first):
                check_floor(floor, epochs, first)
                self._verdict.beginnings.append(beginning_of(floor, first))
        except Damaged as error:
            self._verdict.blame(_centre_in(stream), stream, error)

    def _prove_epoch(self, name: str, *, is_cut: bool) -> list[Frame]:
        frames = [open_frame(raw, self._key_for) for raw in bundle.split(self._members[name])]
        if not frames:
            raise Damaged("GAP", "an epoch without a frame")
        header = frames[0].header
        if name != member_name(header.origin, header.lane, header.audience, header.epoch):
            raise Damaged("STREAM", f"the frames are those of {header.origin}, {header.lane}, {header.audience}")
        chains.check_epoch(frames, is_cut=is_cut)
        for frame in frames:
            for record in frame.records:
                self._states[header.origin, record.rid] = figures.states_in(header.origin, record.kind, record.payload)
                self._prove_enclosed(record, name, _LEVELS_ENCLOSED)
        return frames

    def _prove_enclosed(self, around: Record, name: str, levels: int) -> None:
        """Each record of another centre inside a record; one that does not hold is blamed on the centre it names."""
        for raw in enclosed_in(around.kind, around.payload):
            if levels == 0:
                raise Damaged("ENCLOSED", "records enclosed in records without end")
            try:
                header, record = open_enclosed(raw, self._key_for)
            except Damaged as error:
                self._verdict.blame(origin_of_enclosed(raw) or _centre_in(name), name, error)
                continue
            if (header.origin, record.rid) not in self._enclosed:
                self._enclosed.add((header.origin, record.rid))
                self._verdict.count(header.origin).enclosed += 1
            self._prove_enclosed(record, name, levels - 1)

    def hold_against_manifest(self, raw: bytes) -> None:
        """The members against the hashes that the exporter signed, and the packing against its one form."""
        try:
            listed = manifest.read(self._members, self._key_for)
            self._verdict.exporter, self._verdict.exported_at = listed.exporter, listed.exported_at
            bundle.check_packing(raw, self._members)
        except Damaged as error:
            self._verdict.blame(_centre_in(error.reason), bundle.MANIFEST, error)
            return
        for name in sorted(name for name in self._members if name.startswith(FLOORS)):
            if _centre_in(name) != listed.exporter:
                reason = f"{listed.exporter} can have given up the beginning of its own streams only"
                self._verdict.blame(listed.exporter, name, Damaged("FLOOR", reason))
        there = {name: hashlib.sha256(content).hexdigest() for name, content in self._members.items()}
        for name in sorted({*there, *listed.members} - {bundle.MANIFEST, bundle.SIGNATURE}):
            if there.get(name) != listed.members.get(name):
                fault = "is not what the exporter put in" if name in there else "is missing"
                self._verdict.blame(_centre_in(name), name, Damaged("MANIFEST", f"{name} {fault}"))


def member_name(origin: str, lane: str, audience: str, epoch: bytes) -> str:
    """Where the frames of one epoch stand in a bundle."""
    return f"{bundle.FRAMES}{origin}/{lane}/{audience}/{epoch.hex()}"


def _centre_in(text: str) -> str:
    """The centre that a member's name or a message speaks of."""
    found = _CENTRE.search(text)
    return found.group() if found else ""
