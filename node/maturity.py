"""What a module may call itself: the rules of its manifest, the levels that they make, and what a ledger has earned.

A rule is `done`, `done: <test or page that shows it>`, `todo`, or `exempt: <reason>`. Whether that is true
is looked at by `tests/house/earned.py`; here only the words are checked, so that a node can say them at its start.
"""

from collections.abc import Mapping

from node.settings_problem import closest

OPEN, DONE, SHOWN, EXEMPT = "todo", "done", "done: ", "exempt: "

LEVELS: Mapping[str, tuple[str, ...]] = {
    "bronze": ("starts", "stops", "migrates", "routes_name_permission", "routes_scope_area"),
    "silver": ("works_without_parent", "jobs_bounded", "figures_show_age"),
    "gold": ("load_measured", "personal_data_retention", "texts_in_vietnamese"),
}
RULES = tuple(rule for rules in LEVELS.values() for rule in rules)
_REASON_WORDS = 2


def ledger_problems(maturity: object, rules: object) -> list[str]:
    """What is wrong with the words of a ledger, whatever is true of it; a rule that is not there is to be done."""
    problems = []
    if maturity is not None and maturity not in LEVELS:
        problems.append(f"maturity is {maturity!r}; it must be one of {', '.join(LEVELS)}")
    if not isinstance(rules, Mapping):
        return [*problems, "rules must be a section [rules] with one line for each rule"]
    problems += [f"rules.{rule} is unknown{closest(rule, set(RULES))}" for rule in sorted(set(rules) - set(RULES))]
    problems += [
        f"rules.{rule} is {state!r}; it must be done, done: <what shows it>, todo, or exempt: <reason>"
        for rule, state in rules.items()
        if rule in RULES and not is_state(state)
    ]
    if not rules or maturity not in LEVELS:
        return problems
    owed = [rule for rule in owed_by(str(maturity)) if rules.get(rule, OPEN) == OPEN]
    return [*problems, *(f"maturity is {maturity}, but rules.{rule} is still to be done" for rule in owed)]


def is_state(state: object) -> bool:
    """Whether a text is one of the four things that may be said of a rule."""
    if not isinstance(state, str):
        return False
    if state.startswith(SHOWN):
        return "/" in state
    return state in {OPEN, DONE} or (state.startswith(EXEMPT) and len(state.split()) > _REASON_WORDS)


def is_done(state: str) -> bool:
    """Whether a rule is said to be done, by a machine's word or by something that shows it."""
    return state == DONE or state.startswith(SHOWN)


def owed_by(maturity: str) -> tuple[str, ...]:
    """The rules of a level and of those below it."""
    order = list(LEVELS)
    return tuple(rule for level in order[: order.index(maturity) + 1] for rule in LEVELS[level])


def open_rules(rules: Mapping[str, str]) -> tuple[str, ...]:
    """The rules that are still to be done, in the order of their levels."""
    return tuple(rule for rule in RULES if rules.get(rule, OPEN) == OPEN)
