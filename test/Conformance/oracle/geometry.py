# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Points in registers, simplices of coordinates, and fields over the space."""

import itertools
import math
import struct

import numpy

from .coordinates import behind, component, components, from_bytes, packed, to_bytes, with_component
from .dense import FORMATS
from .floats import F64
from .machine import WIDTHS, operation, signed


def to_double(bits, type):
    """The number of a float type as a float64."""
    return numpy.float64(struct.unpack("<d", F64.convert(bits, FORMATS[type]).to_bytes(8, "little"))[0])


def rounded(value, type):
    """A float64 as bits of the type, rounded once."""
    return FORMATS[type].convert(struct.unpack("<Q", struct.pack("<d", value))[0], F64)


def point(e, position):
    """The active lanes as a list of (lane, number)."""
    return [(i, to_double(bits, e.type)) for i, bits in enumerate(e.vector(position)) if e.active(i)]


def immediate(e, position):
    return to_double(e.operand(position) % (1 << FORMATS[e.type].width), e.type)


def set_point(e, numbers):
    lanes = [0] * e.lanes
    for i, value in numbers:
        lanes[i] = rounded(value, e.type)
    e.set_vector(0, lanes)


def in_order(values):
    total = numpy.float64(0)
    for value in values:
        total = total + value
    return total


def dot(a, b):
    return in_order(x * y for (_, x), (_, y) in zip(a, b))


def of_points(mnemonic):
    """Registers a function whose arithmetic is that of IEEE 754, without complaints."""

    def register(function):
        @operation(mnemonic)
        def compute(e):
            with numpy.errstate(all="ignore"):
                function(e)

        return function

    return register


@of_points("dsoft")
def dsoft(e):
    """[points.compute]"""
    z = [(i, x / immediate(e, 2)) for i, x in point(e, 1)]
    greatest = max((x for _, x in z if not math.isnan(x)), default=-math.inf)
    exponentials = [(i, numpy.float64(math.exp(x - greatest))) for i, x in z]
    total = in_order(x for _, x in exponentials)
    set_point(e, [(i, x / total) for i, x in exponentials])


@of_points("dhypadd")
def dhypadd(e):
    a, b, c = point(e, 1), point(e, 2), immediate(e, 3)
    aa, ab, bb = dot(a, a), dot(a, b), dot(b, b)
    for_a = 1 + 2 * c * ab + c * bb
    for_b = 1 - c * aa
    divisor = 1 + 2 * c * ab + c * c * aa * bb
    set_point(e, [(i, (for_a * x + for_b * y) / divisor) for (i, x), (_, y) in zip(a, b)])


@of_points("dhypmul")
def dhypmul(e):
    a, c, factor = point(e, 1), immediate(e, 3), to_double(e.vector(2)[0], e.type)
    length = numpy.sqrt(c * dot(a, a))
    if length != 0:
        inside = numpy.float64(1 - 2**-53) if length >= 1 else length
        factor = numpy.float64(math.tanh(factor * math.atanh(inside))) / length
    set_point(e, [(i, factor * x) for i, x in a])


@operation("shypmap")
def shypmap(e):
    components = [0] * 11
    for i, bits in enumerate(e.vector(1)[:11]):
        x = float(to_double(bits, e.type))
        components[i] = 0 if math.isnan(x) else round(min(max(x, 0), 2047))  # ties to even
    e.set_coordinate(0, packed(components))


def coordinates_of(message):
    return [from_bytes(message[16 * i:16 * i + 16]) for i in range(4)]


def set_coordinates(e, position, coordinates):
    e.set_message(position, b"".join(map(to_bytes, coordinates)).ljust(64, b"\0"))


@operation("sboundary")
def sboundary(e):
    removed, vertices = signed(e.integer(3)), coordinates_of(e.message(2))[:e.operand(4) + 1]
    exists = 0 <= removed < len(vertices)
    set_coordinates(e, 0, [c for i, c in enumerate(vertices) if i != removed] if exists else [])
    e.set_scalar(1, (-1)**removed if exists else 0)


# Fields over the space ([geometry.field]). A coordinate that does not exist is None; nothing is at it.

NUMBERS = {"f32": numpy.dtype("<f4"), "f64": numpy.dtype("<f8")}


def moved(coordinate, dimension, distance):
    if coordinate is None or not 0 <= component(coordinate, dimension) + distance <= 2047:
        return None
    return with_component(coordinate, dimension, component(coordinate, dimension) + distance)


def neighbours(coordinate):
    """All that exist, dimension by dimension, the lesser first."""
    around = [moved(coordinate, dimension, distance) for dimension in range(11) for distance in (-1, 1)]
    return [c for c in around if c is not None]


class Field:
    """Numbers of the slot's type at coordinates."""

    def __init__(self, e):
        self.cells, self.type = e.frame.machine.space, e.type

    def at(self, coordinate):
        """The number there, or None."""
        if coordinate not in self.cells:
            return None
        return numpy.frombuffer(self.cells[coordinate].to_bytes(8, "little"), NUMBERS[self.type])[0]

    def double(self, coordinate):
        value = self.at(coordinate)
        return None if value is None else numpy.float64(value)

    def counted(self, coordinate):
        """The number there, 0 where nothing is."""
        value = self.at(coordinate)
        return NUMBERS[self.type].type(0) if value is None else value

    def put(self, coordinate, value):
        self.cells[coordinate] = int.from_bytes(NUMBERS[self.type].type(value).tobytes(), "little")

    def difference(self, coordinate, dimension):
        before, here, behind = (self.double(moved(coordinate, dimension, distance)) for distance in (-1, 0, 1))
        if before is not None and behind is not None:
            return (behind - before) / 2
        if here is not None and behind is not None:
            return behind - here
        if here is not None and before is not None:
            return here - before
        return numpy.float64(0)

    def from_mean(self, coordinate):
        around = [self.double(c) for c in neighbours(coordinate) if c in self.cells]
        if coordinate not in self.cells or not around:
            return numpy.float64(0)
        return self.double(coordinate) - in_order(around) / len(around)


def numbers_of(e, position):
    """Lanes of a v register as numbers of the type."""
    return numpy.frombuffer(e.before.v[e.operand(position).number], NUMBERS[e.type])


def set_number(e, value):
    """Lane 0, rounded to the type; the others become zero."""
    e.writes.append(("v", e.operand(0).number, NUMBERS[e.type].type(value).tobytes().ljust(64, b"\0")))


@of_points("dgradient")
def dgradient(e):
    set_number(e, Field(e).difference(e.coordinate(1), e.operand(2)))


@of_points("ddiverg")
def ddiverg(e):
    field, numbering = Field(e), e.operand(2)
    set_number(e, in_order(field.difference(with_component(e.coordinate(1), numbering, d), d) for d in range(11) if d != numbering))


@of_points("slaplace")
def slaplace(e):
    set_number(e, Field(e).from_mean(e.coordinate(1)))


def pattern(e, coordinate, mask):
    """The cells that equal a coordinate in the dimensions of the mask, in order."""
    same = [d for d in range(11) if mask >> d & 1]
    return sorted(c for c in e.frame.machine.space if all(component(c, d) == component(coordinate, d) for d in same))


@of_points("sdiffuse")
def sdiffuse(e):
    field, step = Field(e), numpy.float64(numbers_of(e, 2)[0])
    changed = {c: field.double(c) - step * field.from_mean(c) for c in pattern(e, e.coordinate(1), e.operand(3))}
    for c, value in changed.items():
        field.put(c, value)
    e.set_scalar(0, len(changed))


@of_points("stensor")
def stensor(e):
    field, (core, *factors) = Field(e), coordinates_of(e.message(1))
    rows = [moved(start, 9, component(e.coordinate(2), 8 + i)) for i, start in enumerate(factors)]
    total = NUMBERS[e.type].type(0)
    for p in itertools.takewhile(lambda p: field.at(moved(core, 8, p)) is not None, itertools.count()):
        plane = moved(core, 8, p)
        for q in itertools.takewhile(lambda q: field.at(moved(plane, 9, q)) is not None, itertools.count()):
            line = moved(plane, 9, q)
            for r in itertools.takewhile(lambda r: field.at(moved(line, 10, r)) is not None, itertools.count()):
                term = field.at(moved(line, 10, r))
                for row, column in zip(rows, (p, q, r)):
                    term = term * field.counted(moved(row, 10, column))
                total = total + term
    set_number(e, total)


@of_points("strfactor")
def strfactor(e):
    field, starts, (observed, rate) = Field(e), coordinates_of(e.message(2))[:3], numbers_of(e, 1)[:2]
    total, columns = NUMBERS[e.type].type(0), []
    while all(field.at(moved(start, 10, len(columns))) is not None for start in starts):
        u, v, w = (field.at(moved(start, 10, len(columns))) for start in starts)
        total = total + u * v * w
        columns.append((v * w, u * w, u * v, u, v, w))
    error = observed - total
    step = rate * error
    for i, start in enumerate(starts):
        for r, column in enumerate(columns):
            field.put(moved(start, 10, r), column[3 + i] + step * column[i])
    set_number(e, error)


@of_points("cattend")
def cattend(e):
    field, query, width = Field(e), numbers_of(e, 1), WIDTHS[e.type]
    scores = []
    for j in range(e.lanes):
        key = moved(e.coordinate(2), e.operand(3), j)
        elements = [field.at(moved(key, 10, i)) for i in range(e.lanes)]
        if any(element is None for element in elements):
            scores.append(NUMBERS[e.type].type(-math.inf))
            continue
        products = [q * element for q, element in zip(query, elements)]
        while len(products) > 1:
            half = len(products) // 2
            products = [products[i] + products[half + i] for i in range(half)]
        scores.append(products[0])
    e.set_vector(0, [int.from_bytes(score.tobytes()[:width], "little") for score in scores])


# What is occupied.


@operation("ssimplex")
def ssimplex(e):
    center, number, mask = e.coordinate(2), signed(e.integer(3)), e.operand(4)
    members = [c for c in pattern(e, center, ~mask) if c != center]
    size = bin(mask).count("1")
    count = min(math.comb(len(members), size), 2**63 - 1)
    chosen = next(itertools.islice(itertools.combinations(members, size), number, None), ()) if number >= 0 else ()
    set_coordinates(e, 0, chosen)
    e.set_scalar(1, count)


def rank(rows):
    """Of a matrix over GF(2), its rows as bit sets."""
    pivots = {}
    for row in rows:
        while row and row.bit_length() in pivots:
            row ^= pivots[row.bit_length()]
        if row:
            pivots[row.bit_length()] = row
    return len(pivots)


@operation("scocycle")
def scocycle(e):
    """By definition: numbers of simplices and ranks of boundary matrices."""
    cells, degree = pattern(e, e.coordinate(1), ~e.operand(3)), signed(e.integer(2))
    adjacent = lambda a, b: sum(x != y for x, y in zip(components(a), components(b))) == 1  # noqa: E731
    levels = [[(c,) for c in cells]]
    while levels[-1]:
        levels.append([s + (c,) for s in levels[-1] for c in cells if c > s[-1] and all(adjacent(c, other) for other in s)])
    ranks = [0]
    for faces, simplices in itertools.pairwise(levels):
        number = {simplex: i for i, simplex in enumerate(faces)}
        ranks.append(rank(sum(1 << number[simplex[:i] + simplex[i + 1:]] for i in range(len(simplex))) for simplex in simplices))
    ranks.append(0)
    betti = [len(level) - ranks[k] - ranks[k + 1] for k, level in enumerate(levels)]
    e.set_scalar(0, betti[degree] if 0 <= degree < len(betti) else 0)


def least_assignment(costs):
    """The least sum of a square matrix with one entry from each row and column: the Hungarian method."""
    size = len(costs)
    rows, columns, partner = [0] * (size + 1), [0] * (size + 1), [0] * (size + 1)
    for row in range(1, size + 1):
        partner[0], column = row, 0
        slack, came, used = [math.inf] * (size + 1), [0] * (size + 1), [False] * (size + 1)
        while partner[column]:
            used[column] = True
            current = partner[column]
            for j in range(1, size + 1):
                reduced = costs[current - 1][j - 1] - rows[current] - columns[j]
                if not used[j] and reduced < slack[j]:
                    slack[j], came[j] = reduced, column
            following = min((j for j in range(1, size + 1) if not used[j]), key=lambda j: slack[j])
            delta = slack[following]
            for j in range(size + 1):
                if used[j]:
                    rows[partner[j]] += delta
                    columns[j] -= delta
                else:
                    slack[j] -= delta
            column = following
        while column:
            partner[column] = partner[came[column]]
            column = came[column]
    return sum(costs[partner[j] - 1][j - 1] for j in range(1, size + 1))


@operation("scurve")
def scurve(e):
    space, (a, b) = e.frame.machine.space, (e.coordinate(1), e.coordinate(2))
    distance = lambda x, y: sum(abs(i - j) for i, j in zip(components(x), components(y)))  # noqa: E731
    around = [[c for c in neighbours(place) if c in space] for place in (a, b)]
    if a == b or a not in space or b not in space or not all(around):
        set_number(e, 0)
        return
    units = math.lcm(*map(len, around))
    split = [[c for c in places for _ in range(units // len(places))] for places in around]
    cost = least_assignment([[distance(x, y) for y in split[1]] for x in split[0]])
    whole = units * distance(a, b)
    set_number(e, (whole - cost) / whole)


@operation("ckg")
def ckg(e):
    place, steps = e.coordinate(2), 0
    for delimiters in coordinates_of(e.message(3))[:e.operand(4)]:
        following = behind(place, delimiters)
        if following not in e.frame.machine.space:
            break
        place, steps = following, steps + 1
    e.set_coordinate(0, place)
    e.set_scalar(1, steps)
