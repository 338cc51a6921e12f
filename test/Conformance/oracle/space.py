# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The S pipe: memory by coordinate ([space.call]) and the tables of a sentron ([space.tables]).

The order of a region's storage is not visible, so that a region is a box with a dictionary of what was stored there.
"""

from .coordinates import MOST, component, components, with_component
from .hypervectors import encoded
from .machine import WIDTHS, Trap, operation, signed


class SpaceRegion:
    def __init__(self, first, last, type):
        self.first, self.last, self.type = components(first), components(last), type
        self.elements = {}

    def contains(self, coordinate):
        return all(low <= value <= high for low, value, high in zip(self.first, components(coordinate), self.last))

    def meets(self, other):
        return all(a <= d and c <= b for a, b, c, d in zip(self.first, self.last, other.first, other.last))


def region_at(space, coordinate):
    return next((region for region in space.regions if region.contains(coordinate)), None)


def elements(space, coordinate, type):
    """The dictionary that holds the element at a coordinate: bits by coordinate. A region holds one type ([space.regions])."""
    region = region_at(space, coordinate)
    if region and region.type != type:
        raise Trap("space")
    return region.elements if region else space


def matching(space, matches):
    """Coordinates of the cells that match, in their order."""
    return sorted(coordinate for coordinate in space if matches(coordinate))


def space_of(e):
    return e.frame.machine.space


def lane_coordinates(e, first):
    """(lane, coordinate) of the active lanes; an active lane behind component 2047 traps before anything happens ([space.lanes])."""
    active = [i for i in range(e.lanes) if e.active(i)]
    column = component(first, 10)
    if active and column + active[-1] > MOST:
        raise Trap("space")
    return [(i, with_component(first, 10, column + i)) for i in active]


@operation("cget")
def cget(e):
    lanes = [0] * e.lanes
    for i, coordinate in lane_coordinates(e, e.coordinate(1)):
        lanes[i] = elements(space_of(e), coordinate, e.type).get(coordinate, 0)  # its low bits: set_vector cuts
    e.set_vector(0, lanes)


@operation("cput")
def cput(e):
    lanes = e.vector(0)
    for i, coordinate in lane_coordinates(e, e.coordinate(1)):
        elements(space_of(e), coordinate, e.type)[coordinate] = lanes[i]


def walk(e, matches):
    """The operands of every walk: the place, whether it has begun, the center ([space.walks])."""
    start, begun = e.coordinate(0), e.integer(1) != 0
    cell = next((c for c in matching(space_of(e), matches) if c > start or (c == start and not begun)), None)
    if cell is not None:
        e.set_coordinate(0, cell)
    e.set_scalar(1, int(cell is not None))


def distance(a, b):
    return sum(abs(x - y) for x, y in zip(components(a), components(b)))


def differing(a, b):
    return sum(x != y for x, y in zip(components(a), components(b)))


def agrees(mask, center):
    return lambda c: all(x == y for d, (x, y) in enumerate(zip(components(c), components(center))) if mask >> d & 1)


@operation("crange")
def crange(e):
    walk(e, lambda c: components(c)[:e.operand(3)] == components(e.coordinate(2))[:e.operand(3)])


@operation("sneighbr")
def sneighbr(e):
    walk(e, lambda c: distance(c, e.coordinate(2)) <= signed(e.integer(3)))


@operation("shyper")
def shyper(e):
    walk(e, agrees(e.operand(3), e.coordinate(2)))


@operation("shypball")
def shypball(e):
    walk(e, lambda c: differing(c, e.coordinate(2)) <= signed(e.integer(3)))


@operation("cnearest")
def cnearest(e):
    center, rank = e.coordinate(2), signed(e.integer(3))
    cells = sorted(space_of(e), key=lambda c: (distance(c, center), c))
    found = cells[rank - 1] if 1 <= rank <= len(cells) else None
    e.set_coordinate(0, 0 if found is None else found)
    e.set_scalar(1, -1 if found is None else distance(found, center))


@operation("shwrite")
def shwrite(e):
    cells = matching(space_of(e), agrees(e.operand(3), e.coordinate(1)))
    for coordinate in cells:
        space_of(e)[coordinate] = e.integer(2)
    e.set_scalar(0, len(cells))


@operation("cprefch", "sflush")
def nothing(e):
    pass  # the state does not change


@operation("salloc")
def salloc(e):
    region = SpaceRegion(e.coordinate(0), e.coordinate(1), e.type)
    space = space_of(e)
    order, extents = e.operand(2), [high - low + 1 for low, high in zip(region.first, region.last) if high != low]
    hilbert = len(set(extents)) <= 1 and all(extent & (extent - 1) == 0 for extent in extents)
    if any(low > high for low, high in zip(region.first, region.last)) or order == 2 and not hilbert:
        raise Trap("space")
    if any(region.meets(other) for other in space.regions) or any(map(region.contains, space)):
        raise Trap("space")
    space.regions.append(region)


@operation("sfree")
def sfree(e):
    space, coordinate = space_of(e), e.coordinate(0)
    region = region_at(space, coordinate)
    if region:
        space.regions.remove(region)
    elif coordinate in space:
        del space[coordinate]
    else:
        raise Trap("space")


def table_of(e, name, empty):
    return e.frame.machine.tables.setdefault((e.frame.sentron, name), empty)


@operation("sdedup")
def sdedup(e):
    table = table_of(e, e.operand(2), {})
    e.set_scalar(0, table.setdefault(e.integer(1), len(table)))


def most_similar(e, position):
    """(key, value, equal bits) of the entry most similar to a coordinate, or None; the first of equals."""
    code = encoded(e.coordinate(position), 0, 0)

    def equal(key):
        return 512 - (encoded(key, 0, 0) ^ code).bit_count()

    entries = table_of(e, "entries", [])
    best = max(entries, key=lambda entry: equal(entry[0]), default=None)
    return best and (*best, equal(best[0]))


@operation("sassoc")
def sassoc(e):
    entries, key, action = table_of(e, "entries", []), e.coordinate(2), e.operand(4)
    values = [value for other, value in entries if other == key]
    if action == 0:
        result, equal = len(entries), 0
        entries.append((key, e.integer(3)))
    elif action == 1:
        result, equal = (values[0], 512) if values else (0, -1)
    elif action == 2:
        best = most_similar(e, 2)
        result, equal = best[1:] if best else (0, -1)
    else:
        result, equal = len(values), 0
    e.set_scalar(0, result)
    e.set_scalar(1, equal)


@operation("sroute")
def sroute(e):
    best = most_similar(e, 2)
    e.set_coordinate(0, best[0] if best else 0)
    e.set_scalar(1, best[2] if best else -1)
