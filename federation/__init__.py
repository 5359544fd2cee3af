"""Delivery of signed records between neighbouring centres: bytes in, bytes out, no word of the trade.

**What it does.** A centre appends a record to a *stream* in the same transaction as the act that the record tells of
(`ledger`). One sealer gathers what was appended into *frames*, numbers and chains them and signs each once (`frame`).
A sender per neighbour offers the frames from the neighbour's cursor on, urgent lanes first and never more than the
neighbour granted (`sender`). The neighbour's receiver checks rights, size, signature, chain and schema in that order,
and in one transaction stores the bytes, applies the effects and moves its cursor (`receiver`); only when that is
committed does it sign a receipt. A frame that is addressed upwards is offered onwards in the very bytes that its origin
signed, so that every ancestor verifies the origin itself.

**Why a record is applied once.** Two keys guard it: the place in the chain (origin, lane, audience, epoch, frame
number) with its hash shows gaps and forks, and the record's own id shows that an effect has happened already. Whatever
a link loses, doubles or reorders, the receiver's cursor moves over a chain without holes, and the sender resumes there.

**After a restore.** A centre that was put back to a backup, set back with its machine, or cloned, holds less of its
own chains than its neighbours do. They give it back what it signed (`recovery`, `restitution`); what it wrote since
keeps its ids and is signed again behind that, in an epoch that nobody used. A hello closes everything that came
before it. Until each neighbour has told (`settlement`) the centre knows that it does not know; and what a fenced
clone had not delivered waits for a person (`quarantine`).

**Where the steps run.** Everything that decides is a plain function over bytes or over a database session; `session`,
`delivery` and `grpc_link` are the only files that wait. Verification runs in a thread, commits belong to the storage's
writer, and a link that goes away cancels neither.

**What is said about failures.** A frame that is refused stops its own stream and nothing else, is named with its origin
at both ends (`alarm`), and is offered again later: nothing here is dropped. A record that its handler cannot apply is
kept and *parked* with the reason, and the stream goes on.
"""
