# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`vtpu.Coordinate` and `vtpu.Space` against plain Python: tuples of numbers, dictionaries of cells, NumPy arrays."""

import gc
import pathlib
import pickle
import random
import re
import threading
import weakref

import numpy
import pytest
import torch
import vtpu
from vtpu import Coordinate, Space

LIMIT = 2047


def clamp(value):
    return min(max(value, 0), LIMIT)


def some(rng, most=LIMIT):
    return tuple(rng.choice([0, 1, most, rng.randrange(most + 1)]) for _ in range(11))


def text(c):
    return ".".join(map(str, c[:3])) + "/" + ".".join(map(str, c[3:6])) + "/" + ".".join(map(str, c[6:]))


# Coordinates.


def test_coordinates_are_as_tuples():
    rng = random.Random(1)
    for _ in range(300):
        a, b = some(rng), some(rng)
        x, y = Coordinate(a), Coordinate(text(b))
        assert tuple(x) == a and list(y) == list(b) and len(x) == 11 and x[-1] == a[10]
        assert str(x) == text(a) and repr(x) == f"Coordinate('{text(a)}')" and Coordinate(numpy.array(a)) == x
        assert (x < y, x <= y, x == y, x != y) == (a < b, a <= b, a == b, a != b)
        assert hash(x) == hash(Coordinate(a)) and pickle.loads(pickle.dumps(x)) == x
        assert tuple(x + y) == tuple(clamp(i + j) for i, j in zip(a, b))
        assert tuple(x - y) == tuple(clamp(i - j) for i, j in zip(a, b))
        assert tuple(x * y) == tuple(clamp(i * j) for i, j in zip(a, b))
        assert tuple(x * 3) == tuple(3 * x) == tuple(clamp(3 * i) for i in a)
        assert x.manhattan(y) == sum(abs(i - j) for i, j in zip(a, b)) and x.hamming(y) == sum(i != j for i, j in zip(a, b))
        assert x.covers(y) == all(i >= j for i, j in zip(a, b))
        n = rng.randrange(12)
        assert x.same_prefix(y, n) == (a[:n] == b[:n])
        packed = 0
        for i in a:
            packed = packed << 11 | i
        assert x.bits == packed
        assert x.morton == sum((i >> bit & 1) << (11 * bit + 10 - d) for d, i in enumerate(a) for bit in range(11))
        assert Coordinate.from_morton(x.morton) == x and 0 <= x.hilbert < 1 << 121
        assert Coordinate.from_syllables(x.syllables()) == x
        d, distance = rng.randrange(11), rng.randrange(-3000, 3000)
        assert tuple(x.step(d, distance)) == (*a[:d], clamp(a[d] + distance), *a[d + 1:])
        assert x.step(Coordinate.dimension_names[d], distance) == x.step(d, distance)


def test_navigation_by_delimiters():
    rng = random.Random(2)
    for _ in range(300):
        a, n = some(rng), tuple(rng.choice([0, 0, 1, 3]) for _ in range(11))
        x, d = Coordinate(a), rng.randrange(10)
        assert tuple(x.after_break(d)) == (*a[:d], clamp(a[d] + 1), *[1] * (10 - d))
        first = next((i for i, k in enumerate(n) if k), 11)
        expected = tuple(a[i] if i < first else clamp(a[i] + n[i]) if i == first else 1 + n[i] for i in range(11))
        y = x.delta(Coordinate(n))
        assert tuple(y) == expected
        if a[first:first + 1] < (LIMIT - 3,):
            assert x.delta(x.delimiters_to(y)) == y
        # Delimiters one by one, as a reader of the text meets them.
        one = x
        for i in range(10):
            for _ in range(n[i]):
                one = one.after_break(i)
        if not n[10]:
            assert one == y
    origin = Coordinate.origin()
    assert origin.scroll_text() == "1.1.1/1.1.1/1.1.1" and origin.scroll_text(";") == "1.1.1;1.1.1;1.1.1" and origin.depth == 9
    assert origin.child(7).parent() == origin and tuple(origin.child(7)) == (1,) * 9 + (7, 0)
    assert origin.replace("book", 2047)[5] == 2047 and Coordinate.uniform(4) == Coordinate([4] * 11) and Coordinate(origin) == origin


def test_lenient_text():
    for given, expected in [("1.2.3/4.5.6/7.8.9", (1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0)), ("", (1,) * 9 + (0, 0)),
                            ("x5.y.3000", (5, 0) + (1,) * 6 + (2047, 0, 0)),
                            ("1.1.1/1.1.1/1.1.1.7.7", (1,) * 8 + (7, 0, 0))]:
        assert tuple(Coordinate.parse(given, lenient=True)) == expected, given


@pytest.mark.parametrize("make, message", [
    (lambda: Coordinate("1.1.1/2.3"), "coordinate '1.1.1/2.3': character 10: expected '.' and the book of a coordinate"),
    (lambda: Coordinate("1.1.1/1.1.1/1.1.2048.1.1"),
     "coordinate '1.1.1/1.1.1/1.1.2048.1.1': character 17: the scroll (component 8 of a coordinate) is 2048"),
    (lambda: Coordinate.parse("1"), "coordinate '1': character 2: expected '.'"),
    (lambda: Coordinate([1, 2]), "a coordinate of 2 components; it has 11, or 9 with line and column 0"),
    (lambda: Coordinate([1] * 10 + [-1]), "the column (component 10 of a coordinate) is -1, which is not in 0..2047"),
    (lambda: Coordinate.uniform(2048), "the library (component 0 of a coordinate) is 2048"),
    (lambda: Coordinate.from_syllables("bacx"), "coordinate 'bacx': "),
    (lambda: Coordinate.from_morton(1 << 121), f"the Morton index {1 << 121} is outside 0..2**121 - 1"),
    (lambda: Coordinate.from_morton(-1), "the Morton index -1 is outside"),
    (lambda: Coordinate.origin().replace("page", 1), "dimension 'page' is unknown; legal are the numbers 0..10 and library, shelf, "),
    (lambda: Coordinate.origin().step(11), "dimension 11 is outside 0..10"),
    (lambda: Coordinate.origin().after_break("column"), "dimension 'column' is unknown; legal are the numbers 0..9"),
    (lambda: Coordinate.origin().scroll_text("."), "separator '.'; legal are '/' and, for URLs, ';'"),
    (lambda: Coordinate.origin().child(0), "child 0; children are numbered 1..2047"),
    (lambda: Coordinate.uniform(1).child(1), "1.1.1/1.1.1/1.1.1.1.1 has no children: its column is not 0"),
    (lambda: Coordinate.uniform(1).same_prefix(Coordinate.uniform(1), 12), "a prefix of 12 dimensions; there are 11"),
    (lambda: Coordinate.uniform(2).delimiters_to(Coordinate.uniform(1)),
     "no delimiters lead from 2.2.2/2.2.2/2.2.2.2.2 back to 1.1.1/1.1.1/1.1.1.1.1"),
    (lambda: Coordinate.uniform(1).delimiters_to(Coordinate([2] + [0] * 10)),
     "no delimiters lead from 1.1.1/1.1.1/1.1.1.1.1 to 2.0.0/0.0.0/0.0.0.0.0: they set the shelf to 1 or more"),
])
def test_what_is_no_coordinate(make, message):
    with pytest.raises(vtpu.WrongValue) as caught:
        make()
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, ValueError)


def test_a_coordinate_has_eleven_components():
    with pytest.raises(IndexError, match="dimension 11 of a coordinate; it has 11"):
        Coordinate.origin()[11]
    with pytest.raises(TypeError):
        Coordinate(1.5)


# Regions.

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]
AT = Coordinate("3.1.4/1.5.9/2.6.5.3.5")


def values(rng, shape, dtype):
    return rng.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_region_is_the_array(dtype):
    rng = numpy.random.default_rng(3)
    array, space = values(rng, (3, 4, 5), dtype), Space()
    region = space.bind(AT, array, name="a")
    assert (region.first, region.last, region.shape, region.layout, region.writable) == (
        AT, Coordinate("3.1.4/1.5.9/2.6.7.6.9"), (3, 4, 5), "row-major", True)
    for index in numpy.ndindex(3, 4, 5):
        got = space.read(AT.step(8, index[0]).step(9, index[1]).step(10, index[2]))
        assert got.shape == () and got == array[index]
    numpy.testing.assert_array_equal(space.read(AT.step(9, 1), (2, 3, 4), dtype), array[:2, 1:4, :4])
    numpy.testing.assert_array_equal(region.read(), array)
    new = values(rng, (2, 3), dtype)
    space.write(AT.step(8, 1).step(9, 1).step(10, 2), new)
    numpy.testing.assert_array_equal(array[1, 1:3, 2:5], new)
    array[0, 0, 0] = 1
    assert space.read(AT) == 1
    region.write(1)
    assert (array == 1).all()
    found = space.region_at(AT.step(9, 2))
    assert (found.name, found.first, found.last, found.shape) == ("a", region.first, region.last, (3, 4, 5))
    assert repr(found).startswith(f"<vtpu region 'a' {AT}..") and repr(found).endswith("[3, 4, 5], row-major>")
    assert AT in space and AT.step(9, -1) not in space and space.region_at("0.0.0/0.0.0/0.0.0") is None
    region.erase()
    assert AT not in space and array[0, 0, 0] == 1


@pytest.mark.parametrize("layout, block, shape, elements", [
    ("row-major", None, (3, 5, 4), 60), ("blocked", (2, 2, 4), (3, 5, 4), 4 * 6 * 4), ("blocked", (0, 3, 0), (3, 5, 4), 3 * 6 * 4),
    ("morton", None, (3, 5, 4), 4 * 8 * 4), ("hilbert", None, (4, 4, 4), 64)])
def test_layouts_are_bijections_onto_the_array(layout, block, shape, elements):
    storage, space = numpy.zeros(elements, numpy.int32), Space()
    region = space.bind(AT, storage, shape=shape, layout=layout, block=block)
    numbers = numpy.arange(1, numpy.prod(shape) + 1, dtype=numpy.int32).reshape(shape)
    region.write(numbers)
    numpy.testing.assert_array_equal(region.read(), numbers)
    numpy.testing.assert_array_equal(numpy.sort(storage[storage != 0]), numbers.ravel())
    if layout == "morton":
        for index in numpy.ndindex(shape):
            bits, place, got = [2, 3, 2], 0, 0
            for bit in range(3):
                for d in (2, 1, 0):
                    if bit < bits[d]:
                        got |= (index[d] >> bit & 1) << place
                        place += 1
            assert storage[got] == numbers[index]
    if layout == "blocked" and block[0]:
        expected = numpy.zeros((4, 6, 4), numpy.int32)
        expected[:3, :5] = numbers
        numpy.testing.assert_array_equal(storage, expected.reshape(2, 2, 3, 2, 4).transpose(0, 2, 1, 3, 4).ravel())
    if layout == "hilbert":
        walk = [numpy.argwhere(numbers == n)[0] for n in storage]
        assert all(abs(a - b).sum() == 1 for a, b in zip(walk, walk[1:]))
    owned = space.allocate(AT.replace(0, 9), shape, "int32", layout=layout, block=block)
    assert not owned.read().any()
    owned.write(numbers)
    numpy.testing.assert_array_equal(owned.read(), numbers)


def test_the_buffer_lives_as_long_as_its_region():
    space, array = Space(), numpy.arange(1000.0)
    alive = weakref.ref(array)
    region = space.bind(AT.replace("column", 0), array)
    with pytest.raises(ValueError):
        array.resize(5, refcheck=False)
    del array
    gc.collect()
    assert alive() is not None
    numpy.testing.assert_array_equal(region.read(), numpy.arange(1000.0))
    space.erase(AT.replace("column", 77))
    gc.collect()
    assert alive() is None
    space.bind(AT, other := numpy.zeros(4))
    alive = weakref.ref(other)
    del other, space, region
    gc.collect()
    assert alive() is None


def test_torch_tensors_and_bfloat16():
    space, tensor = Space(), torch.arange(6, dtype=torch.bfloat16).reshape(2, 3)
    region = space.bind(AT, tensor)
    assert region.dtype == "bfloat16" and torch.equal(region.read(), tensor)
    space.write(AT, torch.full((3,), 9, dtype=torch.bfloat16))
    region_at = space.region_at(AT)
    region_at.write(tensor + 1)
    assert tensor.tolist() == [[10, 10, 10], [4, 5, 6]]
    space.write(AT, [5.0, 6.0])
    assert tensor[0].tolist() == [5, 6, 10]


# Cells.


def test_cells_are_a_dictionary():
    rng, space, model = random.Random(4), Space(), {}
    for _ in range(800):
        c = tuple(rng.choice([0, 1, 2, LIMIT]) for _ in range(11)) if rng.random() < 0.5 else (1,) * 8 + tuple(rng.randrange(5) for _ in range(3))
        if c in model and rng.random() < 0.4:
            space.erase(c)
            del model[c]
        else:
            model[c] = rng.randrange(-(1 << 63), 1 << 63)
            space.write(c, model[c])
    known = sorted(model)
    assert [tuple(c) for c in space.cells()] == known
    assert all(space.read(c) == model[c] and Coordinate(c) in space for c in known)
    for _ in range(60):
        a, n = Coordinate(rng.choice([rng.choice(known), some(rng, 2)])), rng.randrange(12)
        t = tuple(a)
        assert [tuple(c) for c in space.prefix(a, n)] == [c for c in known if c[:n] == t[:n]]
        chosen = rng.sample(range(11), n)
        expected = [c for c in known if all(c[d] == t[d] for d in chosen)]
        assert [tuple(c) for c in space.matching(a, chosen)] == expected
        assert [tuple(c) for c in space.matching(a, [Coordinate.dimension_names[d] for d in chosen])] == expected
        below = [c for c in known if Coordinate(c) != a and Coordinate(c).parent() == a and Coordinate(c).depth == a.depth + 1]
        assert [tuple(c) for c in space.children(a)] == below
        radius = rng.randrange(4)
        assert [tuple(c) for c in space.within(a, radius, "hamming")] == [c for c in known if sum(i != j for i, j in zip(c, t)) <= radius]
        assert [tuple(c) for c in space.within(a, radius)] == [c for c in known if sum(abs(i - j) for i, j in zip(c, t)) <= radius]
        ranked = sorted(known, key=lambda c: (sum(abs(i - j) for i, j in zip(c, t)), c))
        assert [tuple(c) for c in space.nearest(a, 5)] == ranked[:5]
    assert len(space.nearest(AT, len(known) + 5)) == len(known)


def test_cells_hold_any_element():
    space = Space()
    space.write(AT, numpy.arange(12, dtype=numpy.float32).reshape(3, 4))
    numpy.testing.assert_array_equal(space.read(AT.step(9, 1), (2, 6), "float32"), [[4, 5, 6, 7, 0, 0], [8, 9, 10, 11, 0, 0]])
    assert len(list(space.cells())) == 12 and len(list(space.prefix(AT.step(9, 1), 10))) == 4
    # A cell keeps 8 bytes: the element in the low ones.
    assert space.read(AT.step(10, 1)) == numpy.float32(1).view(numpy.int32)
    assert space.read(AT.step(10, 1), (), torch.float32) == 1


def test_threads_share_a_space():
    space = Space()

    def work(n):
        for i in range(300):
            space.write(Coordinate.uniform(1).replace(8, n).replace(10, i), n * 1000 + i)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(4):
        numpy.testing.assert_array_equal(space.read(Coordinate.uniform(1).replace(8, n).replace(10, 0), 300), numpy.arange(300) + n * 1000)


@pytest.mark.parametrize("act, error, message", [
    (lambda s: s.bind(AT, [1, 2]), vtpu.WrongType, "region '': expected a NumPy array or a torch tensor, got list"),
    (lambda s: s.bind(AT, numpy.zeros(3, "complex64")), vtpu.WrongType, "region '': element type complex64 is unknown; legal are bool, int8, "),
    (lambda s: s.bind(AT, numpy.zeros((3, 4)).T), vtpu.WrongValue,
     "region '': the array is not C-contiguous in native byte order; use numpy.ascontiguousarray"),
    (lambda s: s.bind(AT, numpy.zeros(4, ">f4")), vtpu.WrongValue, "region '': the array is not C-contiguous in native byte order"),
    (lambda s: s.bind(AT, torch.zeros(3, 4).T), vtpu.WrongValue, "region '': the tensor is not contiguous; use .contiguous()"),
    (lambda s: s.bind(AT, torch.zeros(3, device="meta")), vtpu.WrongType, "region '': the tensor is on device meta; move it with .cpu()"),
    (lambda s: s.bind(AT, numpy.zeros(3), layout="spiral"), vtpu.WrongValue,
     "region '': layout 'spiral' is unknown; legal are row-major, blocked, morton, hilbert"),
    (lambda s: s.bind(AT, numpy.zeros(3), layout="blocked"), vtpu.WrongValue, "region '': layout 'blocked' needs block=, the extents of a block"),
    (lambda s: s.bind(AT, numpy.zeros(3), layout="blocked", block=(1, 1)), vtpu.WrongValue, "region '': block (1, 1) has 2 extents, the box has 1"),
    (lambda s: s.bind(AT, numpy.zeros(3), block=(1,)), vtpu.WrongValue,
     "region '': block extents belong to the blocked layout, not to the row-major one"),
    (lambda s: s.bind(AT, numpy.zeros(60), shape=(3, 5, 4), layout="morton", name="m"), vtpu.WrongValue, "region 'm': "),
    (lambda s: s.bind(AT, numpy.zeros((2, 0))), vtpu.WrongValue, "region '': shape (2, 0) has no elements; every extent must be at least 1"),
    (lambda s: s.allocate(AT, (1,) * 12, "int8"), vtpu.WrongValue, f"region '': shape {(1,) * 12} has 12 dimensions; coordinates have 11"),
    (lambda s: s.allocate(AT, (2045, 1), "int8", name="tall"), None, None),
    (lambda s: s.allocate(AT, (2046, 1), "int8", name="tall"), vtpu.WrongValue,
     "region 'tall': 2046 elements from 3.1.4/1.5.9/2.6.5.3.5 on leave the space in the line (dimension 9); there is room for 2045"),
    (lambda s: s.bind(AT, numpy.frombuffer(b"abc", numpy.uint8), writable=True), vtpu.WrongValue, "region '': the array is read-only; copy it"),
    (lambda s: (s.allocate(AT, 4, "int8", name="x"), s.allocate(AT, 2, "int8", name="y")), vtpu.WrongValue, "region 'y'"),
    (lambda s: (s.write(AT, 1), s.allocate(AT, 2, "int8", name="z")), vtpu.WrongValue, "region 'z'"),
    (lambda s: (s.allocate(AT, 4, "int8", name="x"), s.read(AT, 4, "float32")), vtpu.WrongValue, None),
    (lambda s: (s.allocate(AT, 4, "int8", name="x"), s.write(AT, numpy.zeros(2))), vtpu.WrongValue, None),
    (lambda s: (s.bind(AT, numpy.zeros(4), writable=False, name="x"), s.write(AT, numpy.zeros(2))), vtpu.WrongValue, None),
    (lambda s: s.read(AT, 2044), vtpu.WrongValue, "2044 elements from 3.1.4/1.5.9/2.6.5.3.5 on along the column (dimension 10); there is room for 2043"),
    (lambda s: s.read(AT, (3, -1)), vtpu.WrongValue, "read: shape (3, -1) has no elements"),
    (lambda s: s.read(AT, 3, "complex64"), vtpu.WrongType, "read: element type complex64 is unknown"),
    (lambda s: s.write(AT, numpy.zeros(3, "complex64")), vtpu.WrongType, "write: element type complex64 is unknown"),
    (lambda s: s.read("1.1"), vtpu.WrongValue, "coordinate '1.1': "),
    (lambda s: s.erase(AT), KeyError, None),
    (lambda s: s.prefix(AT, 12), vtpu.WrongValue, "a prefix of 12 dimensions; legal are 0..11"),
    (lambda s: s.matching(AT, ["page"]), vtpu.WrongValue, "dimension 'page' is unknown; legal are 0..10 and library, "),
    (lambda s: s.within(AT, 1, "euclid"), vtpu.WrongValue, "metric 'euclid' is unknown; legal are manhattan, hamming"),
    (lambda s: s.within(AT, -1), vtpu.WrongValue, "distance -1 is negative"),
    (lambda s: s.nearest(AT, 0), vtpu.WrongValue, "the 0 nearest cells; ask for 1 or more"),
    (lambda s: s.scroll(AT), KeyError, "'no scroll at 3.1.4/1.5.9/2.6.5'"),
    (lambda s: s.set_scroll(AT, "x" * 2048), vtpu.WrongValue, "scroll 3.1.4/1.5.9/2.6.5: line 1 has 2048 bytes; a line in a space has up to 2047"),
    (lambda s: s.set_scroll(AT, "\n" * 2047), vtpu.WrongValue, "scroll 3.1.4/1.5.9/2.6.5: 2048 lines; a scroll in a space has up to 2047"),
    (lambda s: s.set_scroll(AT, "a\nb\0"), vtpu.WrongValue, "scroll 3.1.4/1.5.9/2.6.5: byte 2 of line 2 is 0, which ends a line in a space"),
    (lambda s: s.set_scroll(AT, "a\x17"), vtpu.WrongValue, "phext text: "),
    (lambda s: s.set_scroll("0.1.1/1.1.1/1.1.1", "a"), vtpu.WrongValue, "phext text: "),
    (lambda s: s.load_text("\x01" * 2047), vtpu.WrongValue, "phext text: "),
])
def test_what_a_space_refuses(act, error, message):
    space = Space()
    if error is None:
        act(space)
        return
    with pytest.raises(error) as caught:
        act(space)
    if message:
        assert str(caught.value).startswith(message)
    else:
        assert re.search(r"'x'|3\.1\.4/1\.5\.9/2\.6\.5\.3\.5", str(caught.value)), caught.value


# Phext text.


def test_text_goes_in_and_comes_out():
    delimiters = {8: "\x17", 7: "\x18", 6: "\x19", 5: "\x1a", 4: "\x1c", 3: "\x1d", 2: "\x1e", 1: "\x1f", 0: "\x01"}
    rng, space, model = random.Random(5), Space(), {}
    c, source = Coordinate.origin(), ""
    for i in range(60):
        part = rng.choice(["", "x", "zeile\nnächste\n", f"scroll {i}", "\n\n"])
        source += part
        if part:
            model[c] = part
        d = rng.choice([8, 8, 8, 7, 5, 2, 0])
        source += delimiters[d]
        c = c.after_break(d).replace(9, 0).replace(10, 0)
    source += "end"
    model[c] = "end"
    assert space.load_text(source) == list(model) == space.scrolls()
    assert {at: space.scroll(at) for at in space.scrolls()} == model
    assert Space().load_text(space.save_text()) == list(model)
    copy = Space()
    copy.load_text(space.save_text().encode())
    assert copy.save_text() == space.save_text()
    # Bytes stand where phext counts lines and columns.
    at = next(c for c in model if model[c].startswith("zeile"))
    assert bytes(space.read(at.replace(9, 2).replace(10, 1), 8)) == "nächste".encode()
    space.write(at.replace(9, 1).replace(10, 1), numpy.frombuffer(b"Z", numpy.uint8))
    assert space.scroll(at).startswith("Zeile\n")
    space.set_scroll(at, "")
    assert at not in space.scrolls() and at not in space
    space.set_scroll(at, b"\xff")
    assert space.scroll(at).encode(errors="surrogateescape") == b"\xff"
    assert Space().save_text() == ""


def test_text_that_does_not_fit_changes_nothing():
    space = Space()
    space.set_scroll("1.1.1/1.1.1/1.1.1", "old")
    space.write("1.1.1/1.1.1/1.1.3.1.2", 5)
    with pytest.raises(vtpu.WrongValue, match="region 'scroll'"):
        space.load_text("new\x17second\x17third")
    assert space.save_text() == "old" and space.read("1.1.1/1.1.1/1.1.3.1.2") == 5


# Calls.


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(6, 4, dtype=torch.float64)

    def forward(self, x):
        return torch.tanh(self.linear(x)).sum(0)


def test_tensors_of_a_call_have_coordinates():
    module, x = Net().eval(), torch.randn(3, 6, dtype=torch.float64)
    entry, space = vtpu.compile(module, (x,), keep=["linear"])["main"], Space()
    result = space.call(entry, x)
    torch.testing.assert_close(result, module(x))
    kept = space.region_at(entry.coordinate("keep.linear"))
    torch.testing.assert_close(torch.from_numpy(kept.read()), module.linear(x))
    assert torch.equal(torch.from_numpy(space.read(entry.coordinate("x"), (3, 6))), x)
    assert space.read(entry.coordinate("x", (2, 5))) == x[2, 5] and not space.region_at(entry.coordinate("x")).writable
    weight = space.region_at(entry.coordinate("linear.weight"))
    assert torch.equal(torch.from_numpy(weight.read()), module.linear.weight.detach()) and not weight.writable
    # The result is the region: what is written by coordinate stands in the returned tensor.
    space.write(entry.coordinate(entry.outputs[0][0], (1,)), 7.0)
    assert result[1] == 7
    # The next call takes the coordinates over, and the tensors of the last one go.
    alive = weakref.ref(result)
    numpy_result = entry.call_in(space, x=x.numpy())
    del result
    gc.collect()
    assert alive() is None
    numpy.testing.assert_array_equal(space.read(entry.coordinate("result"), 4), numpy_result)


def test_an_index_beyond_one_dimension():
    entry = vtpu.compile(torch.nn.ReLU(), (torch.zeros(2, 4096),))["main"]
    space, x = Space(), numpy.random.default_rng(6).standard_normal((2, 4096)).astype(numpy.float32)
    space.call(entry, x)
    region = space.region_at(entry.coordinate("input"))
    numpy.testing.assert_array_equal(region.read().reshape(2, 4096), x)
    assert space.read(entry.coordinate("input", (1, 3000))) == x[1, 3000]


STEPS = """
.func main entry
  .binding output y size=8 align=8 writable dtype=i64 shape=[1]
  { C: cptr r0, b0 }
  { S: pcoord p0 } @5.0.0/0.0.0/0.0.0.0.7
  { C: kset k1, 1 }
  { S: cget.i64.512 v0, p0 {k1}{z} }
  { D: dimm.i64.512 v1, 1 }
  { D: dadd.i64.512 v0, v0, v1 }
  { S: cput.i64.512 v0, p0 {k1} }
  { S: sst.i64.i64.512 v0, [r0] {k1} }
  { C: cret }
.end
"""


def test_what_a_program_leaves_in_a_space_stays():
    entry, space = vtpu.Program(vtpu.assemble(STEPS))["main"], Space()
    assert [int(space.call(entry)[0]) for _ in range(3)] == [1, 2, 3]
    assert space.read("5.0.0/0.0.0/0.0.0.0.7") == 3
    space.write("5.0.0/0.0.0/0.0.0.0.7", 40)
    assert space.call(entry)[0] == 41 and entry()[0] == 1
    # A cell where a tensor wants to stand.
    other = Space()
    other.write(entry.coordinate("y"), 1)
    with pytest.raises(vtpu.ProgramFailed, match="main: "):
        other.call(entry)
    other.erase(entry.coordinate("y"))
    assert other.call(entry)[0] == 1
    # Calls of several threads follow each other, and the tensors of the last one stand.
    results, shared = [], Space()
    threads = [threading.Thread(target=lambda: results.append(int(shared.call(entry)[0]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert sorted(results) == list(range(1, 9)) and shared.read(entry.coordinate("y")) == 8


def test_tensors_without_coordinates():
    entry = vtpu.compile(torch.nn.ReLU(), (torch.zeros(4099),))["main"]
    for act, error, message in [
        (lambda: entry.coordinate("input"), vtpu.WrongValue,
         "'input' of entry main has no coordinates: its extent 4099 is no product of two numbers up to 2048"),
        (lambda: entry.coordinate("z"), KeyError, "\"entry main has no input, output or parameter 'z'\""),
        (lambda: entry.coordinate("input", (1, 2)), vtpu.WrongValue, "index of 'input' has 2 numbers; the tensor has 1 dimensions"),
        (lambda: vtpu.compile(torch.nn.ReLU(), (torch.zeros(5),))["main"].coordinate("input", (5,)), vtpu.WrongValue,
         "index 5 of dimension 0 of 'input' is outside 0..4"),
    ]:
        with pytest.raises(error) as caught:
            act()
        assert str(caught.value) == message


def test_the_page_of_the_manual():
    """The examples of docs/Memory.md run, and print what stands behind them."""
    page = pathlib.Path(__file__).parents[2] / "docs" / "Memory.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    assert len(blocks) >= 3
    names = {}
    for block in blocks:
        code = []
        for line in block.splitlines():
            statement, arrow, expected = line.partition("# -> ")
            if not arrow:
                code.append(line)
                continue
            exec("\n".join(code), names)  # noqa: S102 - the manual's own text
            code = []
            assert repr(eval(statement, names)) == expected, statement
        exec("\n".join(code), names)  # noqa: S102
