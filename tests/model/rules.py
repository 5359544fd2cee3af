"""The rules of delivery that a variant may get wrong, each with the right choice as its default."""

from dataclasses import dataclass

ONE = ("effect+cursor",)


@dataclass(frozen=True, slots=True)
class Rules:
    """How child and parent behave; a wrong variant differs in one place (in two where one alone does no harm)."""

    receive: tuple[str, ...] = ONE  # the parent's transactions for one frame, and where "ack" leaves if it leaves early
    applies_once: bool = True  # an effect whose rid was seen before is not applied again
    compares_hash: bool = True  # a frame under a number that is held counts as held only if it is the same frame
    accepts_gaps: bool = False  # a frame that does not follow the head is taken all the same
    rings_when_ahead: bool = True  # a parent that holds more of the child's present epoch than the child is a fork
    late_is_fork: bool = False  # a late frame of an epoch that has ended is called a fork
    drops_poison: bool = False  # a record that cannot be applied is thrown away instead of parked
    prune: str = "safe"  # what lets the child forget the bytes of a frame: "safe", "ack" or "send"
    ack_names_hash: bool = True  # an acknowledgement counts only if its hash is that of the child's own frame
    has_epochs: bool = True  # each start of the child, and each renumbering, opens an epoch
    renumbers: str = (
        "all"  # which records that the parent lacks get new numbers: "all", those of the "live" epoch, "none"
    )
    compares_rids: bool = False  # the child does not renumber what it finds in a frame that was given back
    gives_back: bool = True  # a child that lost frames fetches them from the parent; else it only takes the numbers
    tries_backups: bool = True  # only a backup that was restored once for trial is called safe
    heeds_receipts: bool = True  # a parent that holds less than it gave a receipt for is named


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may happen in one configuration."""

    records: int = 3
    crashes: int = 0  # power cuts of the child; those of the parent cost nothing
    restores: int = 0  # the child's disk is replaced by its backup, and the node knows it
    rollbacks: int = 0  # the child's machine is set back, memory and all, and nobody says so
    parent_restores: int = 0
    epochs: int = 4
    poison: int = 0  # this record cannot be applied until somebody mends the parent
    is_late: bool = False  # answers of the parent, too, stay in the network for ever
    is_literal: bool = False  # a record uploaded once must survive even the loss of both disks: no rules can do that
