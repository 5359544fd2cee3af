"""Whether what this node holds is still what was signed, and which record is not.

**What it compares.** Every stored frame with its origin's signature (`frames`), every frame with the one before it,
with the rows that were derived from it (`rows`) and with the receipts that neighbours signed for it (`receipts`);
`walk` leads through a store of any size in bounded steps, each on a snapshot of its own. What an owner of the database
and of the centre's own key could still make consistent, a cut tail, a rewritten chain, an older copy of the whole file,
is seen against what others hold: their receipts here, their heads, or a bundle of their frames (`copies`).

**What it says.** A `Finding` names the stream, the epoch, the frame and the records, and where the rows stand.

**How it is mended.** What was derived is derived again; the bytes of a frame can only come from a centre that holds
them too, and are believed for their signature and their place in the chain, whoever brings them (`mend`).
"""
