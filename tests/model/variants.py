"""Wrong variants of the delivery rules: each must be caught, or the search is blind; the equivalent one must not be."""

from dataclasses import dataclass

from tests.model.rules import Budget, Rules


@dataclass(frozen=True, slots=True)
class Variant:
    """A change of the rules, what may happen while it is watched, and the invariant that it is expected to break."""

    name: str
    rules: Rules
    budget: Budget
    breaks: str = ""


BACKED_UP = Budget(records=2, restores=1)
WRONG = (
    Variant("no de-duplication by rid", Rules(applies_once=False), Budget(1, restores=1), "I2"),
    Variant("renumber only the live epoch", Rules(renumbers="live"), Budget(2, crashes=1, restores=1), "I1"),
    Variant(
        "acknowledge before the commit, forget bytes on it",
        Rules(receive=("ack", "effect+cursor"), prune="ack"),
        Budget(1),
        "I1",
    ),
    Variant(
        "effect and cursor in two transactions, effect first", Rules(receive=("effect", "cursor")), Budget(1), "I2"
    ),
    Variant(
        "effect and cursor in two transactions, cursor first", Rules(receive=("cursor", "effect")), Budget(1), "I7"
    ),
    Variant("delete on send", Rules(prune="send"), Budget(1), "I1"),
    Variant("accept gaps", Rules(accepts_gaps=True), Budget(2), "I3"),
    Variant("forget bytes on a plain ack, restore the parent", Rules(prune="ack"), Budget(1, parent_restores=1), "I1"),
    Variant("no epoch", Rules(has_epochs=False), BACKED_UP, "I5"),
    Variant("acknowledgement without the hash", Rules(ack_names_hash=False), Budget(2, rollbacks=1), "I1"),
    Variant("new epoch on restore without giving back", Rules(gives_back=False), BACKED_UP, "I7"),
)
MORE_WRONG = (
    Variant("acknowledge before the commit", Rules(receive=("ack", "effect+cursor")), Budget(1), "I4"),
    Variant("give back, and forget what was sealed since the restore", Rules(renumbers="none"), BACKED_UP, "I1"),
    Variant(
        "no alarm though the parent is ahead in the live epoch",
        Rules(rings_when_ahead=False),
        Budget(1, rollbacks=1),
        "I7",
    ),
    Variant("a frame is held if its number is", Rules(compares_hash=False), Budget(2, rollbacks=1), "I5"),
    Variant("a late frame of an ended epoch is called a fork", Rules(late_is_fork=True), BACKED_UP, "I5"),
    Variant("poison is dropped", Rules(drops_poison=True), Budget(2, poison=1), "I3"),
    Variant("a backup is called safe untried", Rules(tries_backups=False), Budget(1, parent_restores=1), "I1"),
    Variant("receipts are not compared with a hello", Rules(heeds_receipts=False), Budget(1, parent_restores=1), "I7"),
)
EQUIVALENT = Variant("the child leaves out what it was given back, too", Rules(compares_rids=True), BACKED_UP)
