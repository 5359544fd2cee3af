"""Search all configurations and variants and say what was found: `python -m tests.model [--quick]`."""

import json
import sys

from tests.model import configurations
from tests.model.configurations import Configuration
from tests.model.search import Found


def _show(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def _tell(found: Found) -> None:
    for step, line in enumerate(found.trace, 1):
        _show(f"      {step}. {line}")
    _show(f"      => {found.wrong}")


def hold(title: str, searched: tuple[Configuration, ...]) -> tuple[int, bool]:
    """Search what must hold; how many states that were, and whether all did."""
    _show(f"\n{title}")
    states, holds = 0, True
    for one in searched:
        found = one.search()
        states, holds = states + found.states, holds and found.holds
        _show(f"  {found.states:>8} states  {'holds' if found.holds else 'WRONG'}  {one.name}")
        if not found.holds:
            _tell(found)
    return states, holds


def kill(title: str, searched: tuple[Configuration, ...]) -> int:
    """Search what must not hold, show how each goes wrong, and say how many did."""
    _show(f"\n{title}")
    killed = 0
    for number, one in enumerate(searched, 1):
        found = one.search()
        is_killed = one.is_killed(found)
        killed += is_killed
        _show(f"  {number:>2}. {one.name}: {'killed' if is_killed else 'SURVIVES'} after {found.states} states")
        _tell(found)
    return killed


def main(arguments: list[str]) -> int:
    """Run everything, or what is quick; 0 if all is as it must be."""
    is_all = "--quick" not in arguments
    proposed = tuple(one for one in configurations.PROPOSED if is_all or one.is_quick)
    lying = tuple(one for one in configurations.RELAY if is_all or one.is_quick)
    states, holds = hold("The proposed rules: one child, one parent, custody", proposed)
    wrong, more, relayed = configurations.WRONG, configurations.MORE_WRONG, configurations.WRONG_RELAY
    killed = kill("Wrong variants", wrong)
    _show(f"\nmutants killed {killed}/{len(wrong)}")
    killed_more = kill("More wrong variants", more)
    _show(f"\nmore mutants killed {killed_more}/{len(more)}")
    same, survives = hold("An equivalent variant, which must survive", (configurations.EQUIVALENT,))
    relay_states, relay_holds = hold("A malicious relay between three tiers", lying)
    killed_relay = kill("Wrong variants against the relay", relayed)
    _show(f"\nrelay mutants killed {killed_relay}/{len(relayed)}")
    bounded = kill("What no rules can promise (this must go wrong)", (configurations.BOUND,))
    is_good = (killed, killed_more, killed_relay, bounded) == (len(wrong), len(more), len(relayed), 1)
    is_good = is_good and holds and survives and relay_holds and states >= (30_000 if is_all else 1)
    report = {
        "ok": is_good,
        "configurations": len(proposed) + len(lying),
        "states": states,
        "mutants_killed": f"{killed}/{len(wrong)}",
        "more_mutants_killed": f"{killed_more}/{len(more)}",
        "equivalent_survived": int(survives),
        "equivalent_states": same,
        "relay_states": relay_states,
        "relay_mutants_killed": f"{killed_relay}/{len(relayed)}",
    }
    _show("\n" + json.dumps(report))
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
