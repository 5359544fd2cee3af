"""What an account with an area may see: every read asks here, so that none is wider than another.

An account without an area, or with the centre's own or one around it, sees all that the centre knows. Any other is
limited: it gets what lies in its area, and each answer says which area that is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from node.access import Principal, within
from node.context import NodeContext
from node.territory import Centre
from pki.registry import Registry


@dataclass(frozen=True, slots=True)
class AreaScope:
    """An area and, where the account is limited to it, the codes of all units in it."""

    code: str
    name: str
    codes: frozenset[str] | None

    @property
    def is_limited(self) -> bool:
        """Whether there is something at this centre that the account may not see."""
        return self.codes is not None

    def covers(self, area_code: str) -> bool:
        """Whether a unit lies in it."""
        return self.codes is None or area_code in self.codes

    def told(self) -> dict[str, object]:
        """The area as every answer that counts or lists names it."""
        return {"area_code": self.code, "area_name": self.name, "limited": self.is_limited}

    def centres(self, registry: Registry, own: Centre) -> frozenset[str]:
        """The names of the centres that may be spoken of: this one, those above it, those whose own area is covered."""
        above = {own.name, *_above(registry, own.name)}
        return frozenset(one.name for one in registry.centres if one.name in above or self.covers(one.code))


def scope_of(context: NodeContext, principal: Principal) -> AreaScope:
    """What this person may see at this centre, on the tree of today."""
    territory, centre = context.territory, context.centre
    on = territory.local_date(context.clock.now())
    code = principal.area_code or centre.area_code
    if code == centre.area_code or territory.is_inside(centre.area_code, code, on):
        area = territory.area(centre.area_code, on)
        return AreaScope(centre.area_code, area.name if area else centre.title, None)
    area = territory.area(code, on)
    inside = (one.code for one in territory.all_areas(on))
    codes = frozenset(one for one in {*inside, code} if within(principal, territory, one, on))
    return AreaScope(code, area.name if area else code, codes)


def is_within_centre(context: NodeContext, code: str) -> bool:
    """Whether a unit is the centre's own area or lies in it today; no account is for another."""
    on = context.territory.local_date(context.clock.now())
    return code == context.centre.area_code or context.territory.is_inside(code, context.centre.area_code, on)


def _above(registry: Registry, name: str) -> Iterable[str]:
    """The centres between this one and the top."""
    seen: set[str] = set()
    parent = registry.parent_of(name)
    while parent is not None and parent not in seen:
        seen.add(parent)
        yield parent
        parent = registry.parent_of(parent)
