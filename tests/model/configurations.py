"""What is searched: the proposed rules in every configuration, which must hold, and the wrong variants, which must not.

Sizes are chosen so that the whole run fits into a few minutes of one core; the quick ones into the ordinary tests.
"""

from dataclasses import dataclass

from tests.model import lives, relay, restored, variants
from tests.model.custody import Custody, CustodyRules
from tests.model.delivery import Delivery
from tests.model.lives import Lives
from tests.model.relay import Relay
from tests.model.restored import Restored
from tests.model.rules import Budget
from tests.model.search import Found, Model, explore


@dataclass(frozen=True, slots=True)
class Configuration:
    """One thing to search; `breaks` names the invariant that a wrong variant is expected to break."""

    name: str
    model: Model
    breaks: str = ""
    is_quick: bool = True

    def search(self) -> Found:
        return explore(self.model)

    def is_killed(self, found: Found) -> bool:
        """The search went wrong, in the way that was foretold."""
        return found.wrong is not None and found.wrong.startswith(f"{self.breaks}:")


def _delivery(name: str, budget: Budget, is_quick: bool = True) -> Configuration:
    return Configuration(name, Delivery(budget), is_quick=is_quick)


DELIVERY = (
    _delivery("three records, the child loses power twice", Budget(3, crashes=2)),
    _delivery(
        "three records, the child loses power and the parent is restored", Budget(3, crashes=1, parent_restores=1)
    ),
    _delivery("two records, the child is restored", Budget(2, restores=1)),
    _delivery("two records, the child is set back without knowing it", Budget(2, rollbacks=1)),
    _delivery("one record cannot be applied, the child is restored", Budget(2, restores=1, epochs=2, poison=1)),
    _delivery("both are restored", Budget(1, restores=1, parent_restores=1, epochs=3)),
    _delivery("the child is restored, old answers arrive late", Budget(1, 1, 1, epochs=3, is_late=True)),
    _delivery("three records, the child is restored", Budget(3, restores=1, epochs=3), is_quick=False),
    _delivery("three records, the child is set back without knowing it", Budget(3, rollbacks=1), is_quick=False),
    _delivery("two records, restored and a power cut", Budget(2, crashes=1, restores=1), is_quick=False),
    _delivery("the same with a record that cannot be applied", Budget(2, 1, 1, epochs=3, poison=1), is_quick=False),
    _delivery("two records, both are restored", Budget(2, restores=1, parent_restores=1, epochs=2), is_quick=False),
    _delivery("the child is restored twice, the parent once", Budget(1, 0, 2, 0, 1, epochs=3), is_quick=False),
    _delivery("restored, set back, and the parent restored", Budget(1, 0, 1, 1, 1, epochs=2), is_quick=False),
    _delivery("set back, and the parent restored", Budget(2, rollbacks=1, parent_restores=1, epochs=2), is_quick=False),
    _delivery(
        "two records, restored, old answers arrive late", Budget(2, 0, 1, epochs=3, is_late=True), is_quick=False
    ),
)
_OFFERED = Lives(2, 2, withdraws=False, is_offered=True)
DUTY = (
    Configuration("custody between two centres, terms up to 5", Custody(2, most_term=5)),
    Configuration("custody between three centres, terms up to 4", Custody(3, most_term=4)),
    Configuration("custody, the giver is restored", Restored((1, 0))),
    Configuration("custody, the receiver is restored", Restored((0, 1))),
    Configuration("custody between two centres, terms up to 7", Custody(2, most_term=7), is_quick=False),
    Configuration("custody between three centres, terms up to 5", Custody(3, most_term=5), is_quick=False),
    Configuration("custody, both are restored", Restored((1, 1)), is_quick=False),
    Configuration("custody, put back twice to copies of two lives, no centre above", Lives(2, 2, has_top=False)),
    Configuration("custody, put back twice to copies of two lives, an open offer", _OFFERED),
    Configuration("custody, put back twice to copies of two lives", Lives(2, 2), is_quick=False),
    Configuration("custody, put back three times, no centre above", Lives(3, 3, has_top=False), is_quick=False),
    Configuration(
        "custody, put back twice, and offered further up",
        Lives(2, 2, most_term=2, withdraws=False, is_offered=True),
        is_quick=False,
    ),
)
RELAY = (
    Configuration("a lying district, two frames", Relay(frames=(1, 1), ticks=3)),
    Configuration("a lying district, three frames", Relay(frames=(2, 1), ticks=3), is_quick=False),
)
PROPOSED = DELIVERY + DUTY

CUSTODY_VARIANTS = (
    Configuration("custody: the giver's own timer", Custody(2, CustodyRules(has_timer=True)), "I6"),
    Configuration("custody: end while it is offered", Custody(2, CustodyRules(ends_while_offered=True)), "I6"),
    Configuration("custody: no tombstone", Custody(2, CustodyRules(has_tombstone=False)), "I6"),
    Configuration("custody: no fence by term", Custody(2, CustodyRules(has_fence=False)), "I6"),
)


def _variant(variant: variants.Variant) -> Configuration:
    looks_for = frozenset({variant.breaks}) if variant.breaks else None
    return Configuration(variant.name, Delivery(variant.budget, variant.rules, looks_for), variant.breaks)


WRONG = (*(_variant(one) for one in variants.WRONG), *CUSTODY_VARIANTS)
MORE_WRONG = (
    *(_variant(one) for one in variants.MORE_WRONG),
    *(Configuration(f"custody: {name}", Restored((1, 1), rules), breaks) for name, rules, breaks in restored.WRONG),
    *(
        Configuration(
            f"custody of many lives: {name}",
            Lives(2, 2, rules=rules, most_term=2, withdraws=False, is_offered=True),
            breaks,
        )
        for name, rules, breaks in lives.WRONG
    ),
)
WRONG_RELAY = tuple(Configuration(name, Relay(rules, breaks=breaks), breaks) for name, rules, breaks in relay.WRONG)
EQUIVALENT = _variant(variants.EQUIVALENT)
# Not a fault of the rules but a bound of what any rules can do: told so that nobody promises more.
BOUND = Configuration(
    "a record that was uploaded once survives the loss of both disks",
    Delivery(Budget(1, restores=1, parent_restores=1, is_literal=True), looks_for=frozenset({"I1"})),
    "I1",
)
