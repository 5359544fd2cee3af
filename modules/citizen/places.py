"""Which commune a place lies in, and which of them this centre answers for."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from node.territory import Area, Centre, Territory

_MOST_AREAS = 400


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The area of a place; `handled_in` is the area under which this centre keeps the report."""

    area: Area
    handled_in: str

    @property
    def is_own(self) -> bool:
        """Whether the place lies in the area that this centre answers for."""
        return self.handled_in == self.area.code


def locate(territory: Territory, centre: Centre, lat: float, lon: float, on: date) -> Whereabouts | None:
    """Find the commune of a place; None outside of the territory that this centre knows."""
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return None
    area = territory.locate(lat, lon, on)
    return None if area is None else _seen_from(territory, centre, area, on)


def named(territory: Territory, centre: Centre, code: str, on: date) -> Whereabouts | None:
    """The area with a code, which a person chose from the list; None if there is none."""
    area = territory.area(code, on)
    return None if area is None else _seen_from(territory, centre, area, on)


def _seen_from(territory: Territory, centre: Centre, area: Area, on: date) -> Whereabouts:
    is_own = territory.is_inside(area.code, centre.area_code, on)
    return Whereabouts(area, area.code if is_own else centre.area_code)


def choices(territory: Territory, centre: Centre, on: date) -> tuple[Area, ...]:
    """The communes a person may choose: this centre's own first, then the others by name."""
    areas = territory.all_areas(on)
    parents = {area.parent_code for area in areas}
    lowest = [area for area in areas if area.code not in parents]
    own = centre.area_code
    lowest.sort(key=lambda area: (area.code != own, not territory.is_inside(area.code, own, on), area.name))
    return tuple(lowest[:_MOST_AREAS])


def own_area(territory: Territory, centre: Centre, on: date) -> Area | None:
    """The area of this centre, as it is called today."""
    return territory.area(centre.area_code, on)


def outside_words(say: Callable[[str], str], centre_area: str) -> str:
    """What a person is told whose position lies outside of the territory."""
    words = say(
        "Vị trí này nằm ngoài địa bàn mà trung tâm biết ({area} và các xã, phường lân cận). Nếu việc xảy ra trong "
        "địa bàn, hãy bỏ vị trí rồi chọn xã, phường; nếu ở nơi khác, hãy gửi tới trung tâm của nơi đó."
    )
    return words.format(area=centre_area)


def elsewhere_words(say: Callable[[str], str], place_area: str, centre_title: str) -> str:
    """What a person is told whose report belongs to a neighbour: it is taken here all the same."""
    words = say(
        "Nơi xảy ra thuộc {area}. {centre} vẫn ghi nhận phản ánh này và sẽ chuyển đến nơi có thẩm quyền "
        "hoặc trả lời bạn."
    )
    return words.format(area=place_area, centre=centre_title)
