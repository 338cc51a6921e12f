# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Memory by coordinate: `Space`, its regions, cells and scrolls (docs/Memory.md)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

import numpy
import torch

from . import _runtime
from ._dtypes import DTYPES, NUMBERS, name_of
from ._errors import WrongType, WrongValue
from ._runtime import Coordinate

_LAYOUTS = ("row-major", "blocked", "morton", "hilbert")  # by number of the C API's vtpu_layout
_DIMENSIONS = 11
_PREFIX, _PATTERN, _CHILDREN, _MANHATTAN, _HAMMING = range(1, 6)  # of vtpu_query_kind
_LINE, _COLUMN = 9, 10


def _coordinate(value) -> Coordinate:
    return value if isinstance(value, Coordinate) else Coordinate(value)


def _extents(shape, what: str) -> tuple[int, ...]:
    """A shape as extents of the last dimensions."""
    shape = (shape,) if isinstance(shape, (int, numpy.integer)) else tuple(shape)
    if len(shape) > _DIMENSIONS:
        raise WrongValue(f"{what}: shape {shape} has {len(shape)} dimensions; coordinates have {_DIMENSIONS}")
    if any(extent < 1 for extent in shape):
        raise WrongValue(f"{what}: shape {shape} has no elements; every extent must be at least 1")
    return shape


def _empty(shape, dtype: str):
    """An uninitialised array and its address; of bfloat16 a torch tensor."""
    if dtype == "bfloat16":
        tensor = torch.empty(shape, dtype=torch.bfloat16)
        return tensor, tensor.data_ptr()
    array = numpy.empty(shape, dtype)
    return array, array.ctypes.data


def _storage(array, what: str):
    """(NumPy view of the same bytes, name of the element type) of an array or tensor that is contiguous."""
    if isinstance(array, torch.Tensor):
        dtype = name_of(array.dtype, what)
        if array.device.type != "cpu":
            raise WrongType(f"{what}: the tensor is on device {array.device}; move it with .cpu()")
        if not array.is_contiguous():
            raise WrongValue(f"{what}: the tensor is not contiguous; use .contiguous()")
        array = array.detach()
        return (array.view(torch.int16) if dtype == "bfloat16" else array).numpy(), dtype
    if not isinstance(array, numpy.ndarray):
        raise WrongType(f"{what}: expected a NumPy array or a torch tensor, got {type(array).__name__}")
    dtype = name_of(array.dtype, what)
    if not array.flags.c_contiguous or not array.dtype.isnative:
        raise WrongValue(f"{what}: the array is not C-contiguous in native byte order; use numpy.ascontiguousarray")
    return array, dtype


class Region:
    """A box of coordinates with an element each. `first` and `last`: its corners; `shape`: its extents, the last in dimension 10."""

    def __init__(self, space: Space, name: str, first: Coordinate, last: Coordinate, dtype: str, layout: str, writable: bool, shape=None):
        self._space = space
        self.name, self.first, self.last, self.dtype, self.layout, self.writable = name, first, last, dtype, layout, writable
        if shape is None:
            shape = [b - a + 1 for a, b in zip(first, last)]
            while len(shape) > 1 and shape[0] == 1:
                del shape[0]
        self.shape: tuple[int, ...] = tuple(shape)

    def __repr__(self):
        return f"<vtpu region '{self.name}' {self.first}..{self.last} of {self.dtype}[{', '.join(map(str, self.shape))}], {self.layout}>"

    def read(self):
        """The elements in row-major order, in an array of `shape`; torch's for bfloat16."""
        return self._space.read(self.first, self.shape, self.dtype)

    def write(self, values) -> None:
        """Sets all elements; `values` is broadcast to `shape` and converted to the element type."""
        if self.dtype == "bfloat16":
            values = torch.as_tensor(values).to(torch.bfloat16).broadcast_to(self.shape).contiguous()
        else:
            values = numpy.ascontiguousarray(numpy.broadcast_to(numpy.asarray(values, self.dtype), self.shape))
        self._space.write(self.first, values)

    def erase(self) -> None:
        """Takes the region out of the space; a NumPy array under it is its owner's alone again."""
        self._space.erase(self.first)


class Space:
    """Memory by coordinate: regions, which are boxes over arrays, and elsewhere cells of 8 bytes that exist once they are written.

    Wherever a coordinate is expected, its text or numbers will do. Arrays appear with their last dimension in dimension 10, so that an array of
    n dimensions takes the last n. Errors: WrongValue (a ValueError) for coordinates, shapes and accesses that are not possible, WrongType (a
    TypeError) for arguments of other types, KeyError where nothing is. May be used by several threads; calls run one after the other.
    """

    def __init__(self):
        self._handle = _runtime.Space()
        self._calling = threading.Lock()
        self._buffers: dict[Coordinate, object] = {}  # under regions, by first corner
        self._tensors: dict[int, list] = {}  # of the last call, by number of the entry
        self._scrolls: set[Coordinate] = set()

    # Regions.

    def bind(self, first, array, *, shape=None, layout: str = "row-major", block: Sequence[int] | None = None, writable: bool | None = None,
             name: str = "") -> Region:
        """Puts a region over a contiguous NumPy array or torch tensor, which is used in place and kept alive until the region is erased.

        `first`: the corner with the least components. `shape`: the extents of the box; that of the array unless given. `layout`: the order of
        the elements in the array: 'row-major', 'blocked' (in blocks of the extents `block`, row-major within, 0 for a whole extent), 'morton' or
        'hilbert'; the last three may need a longer array than the box has elements, and the error says how long. `writable`: False makes it
        read-only to programs and `write`; the default is that of the array.
        """
        what = f"region '{name}'"
        view, dtype = _storage(array, what)
        if writable and not view.flags.writeable:
            raise WrongValue(f"{what}: the array is read-only; copy it, or leave out writable=True")
        may_write = view.flags.writeable if writable is None else writable
        return self._add(_coordinate(first), view.shape if shape is None else shape, dtype, layout, block, may_write, name, view)

    def allocate(self, first, shape, dtype, *, layout: str = "row-major", block: Sequence[int] | None = None, name: str = "") -> Region:
        """Makes a region with zeroed storage of the space's own; see `bind`."""
        return self._add(_coordinate(first), shape, name_of(dtype, f"region '{name}'"), layout, block, True, name, None)

    def _add(self, first, shape, dtype, layout, block, writable, name, view):
        what = f"region '{name}'"
        if layout not in _LAYOUTS:
            raise WrongValue(f"{what}: layout '{layout}' is unknown; legal are {', '.join(_LAYOUTS)}")
        if layout == "blocked" and block is None:
            raise WrongValue(f"{what}: layout 'blocked' needs block=, the extents of a block")
        shape, block = _extents(shape, what), tuple(block or ())
        if block and len(block) != len(shape):
            raise WrongValue(f"{what}: block {block} has {len(block)} extents, the box has {len(shape)}")
        last = first
        for dimension, extent in zip(range(_DIMENSIONS - len(shape), _DIMENSIONS), shape):
            if first[dimension] + extent > 2048:
                raise WrongValue(f"{what}: {extent} elements from {first} on leave the space in the {Coordinate.dimension_names[dimension]} "
                                 f"(dimension {dimension}); there is room for {2048 - first[dimension]}")
            last = last.replace(dimension, first[dimension] + extent - 1)
        blocks = [0] * (_DIMENSIONS - len(block)) + [0 if b == e == 2048 else b for b, e in zip(block, shape)]
        self._handle.add_region(name, first, last, NUMBERS[dtype], _LAYOUTS.index(layout), blocks, not writable,
                                0 if view is None else view.ctypes.data, 0 if view is None else view.nbytes)
        # A buffer that is exported cannot be resized.
        self._buffers[first] = None if view is None else memoryview(view)
        return Region(self, name, first, last, self._element(dtype), layout, writable, shape)

    @staticmethod
    def _element(dtype):
        """The type that a region has for elements of a type."""
        return {"bool": "uint8", "uint64": "int64"}.get(dtype, dtype)

    def region_at(self, at) -> Region | None:
        """The region that a coordinate lies in: of `bind`, of a program, or a tensor of the last call."""
        found = self._handle.region_at(_coordinate(at))
        if found is None:
            return None
        name, first, last, dtype, layout, read_only = found
        return Region(self, name, first, last, DTYPES[dtype], _LAYOUTS[layout], not read_only)

    # Elements.

    def read(self, at, shape=(), dtype=None):
        """Elements from a coordinate on, in an array of `shape` whose last dimension runs along dimension 10; a scalar's shape is ().

        `dtype`: that of the region that `at` lies in, and outside of regions int64, unless given. Cells hold an element in their low bytes; where
        nothing is stands 0. WrongValue: the box leaves the space, or a region in it has another type. Of bfloat16 a torch tensor.
        """
        at, shape = _coordinate(at), _extents(shape, "read")
        if dtype is None:
            region = self._handle.region_at(at)
            dtype = "int64" if region is None else DTYPES[region[3]]
        dtype = name_of(dtype, "read")
        array, address = _empty(shape, dtype)
        self._handle.load(at, NUMBERS[dtype], list(shape), address, array.itemsize)
        return array

    def write(self, at, values) -> None:
        """Stores an array from a coordinate on, its last dimension along dimension 10; where nothing is, cells are made.

        Arrays and tensors keep their type, and a region takes its own only; numbers and lists get that of the region, outside of regions that
        NumPy gives them. WrongValue: the box leaves the space, a region in it has another type or is read-only; elements before may be stored.
        """
        at = _coordinate(at)
        if not isinstance(values, (numpy.ndarray, numpy.generic, torch.Tensor)):
            region = self._handle.region_at(at)
            element = DTYPES[region[3]] if region else None
            values = torch.tensor(values, dtype=torch.bfloat16) if element == "bfloat16" else numpy.asarray(values, element)
        if isinstance(values, torch.Tensor):
            values = values.contiguous()
        else:
            values = numpy.asarray(values, order="C")
        view, dtype = _storage(values, "write")
        shape = _extents(view.shape, "write")
        self._handle.store(at, NUMBERS[dtype], list(shape), view.ctypes.data, view.itemsize)

    def erase(self, at) -> None:
        """Frees the region that a coordinate lies in, else the cell there; KeyError if there is neither."""
        at = _coordinate(at)
        region = self._handle.region_at(at)
        self._handle.erase(at)
        if region is not None:
            self._buffers.pop(region[1], None)

    def __contains__(self, at) -> bool:
        """Whether a coordinate has storage: it lies in a region or is a cell."""
        at = _coordinate(at)
        return self._handle.region_at(at) is not None or self._handle.find(_PREFIX, at, _DIMENSIONS, None) is not None

    # Cells, in the order of coordinates; elements of regions are not among them.

    def _find(self, kind, center, number=0) -> Iterator[Coordinate]:
        cell = self._handle.find(kind, center, number, None)
        while cell is not None:
            yield cell
            cell = self._handle.find(kind, center, number, cell)

    def cells(self) -> Iterator[Coordinate]:
        """Every cell. Cells that are made or freed meanwhile may be among them or not."""
        return self._find(_PREFIX, Coordinate.uniform(0))

    def prefix(self, at, count: int) -> Iterator[Coordinate]:
        """Cells whose first `count` dimensions (0..11) are those of a coordinate."""
        if not 0 <= count <= _DIMENSIONS:
            raise WrongValue(f"a prefix of {count} dimensions; legal are 0..{_DIMENSIONS}")
        return self._find(_PREFIX, _coordinate(at), count)

    def matching(self, at, dimensions: Iterable[int | str]) -> Iterator[Coordinate]:
        """Cells that equal a coordinate in the given dimensions (numbers or names)."""
        mask = 0
        for given in dimensions:
            if given in Coordinate.dimension_names:
                given = Coordinate.dimension_names.index(given)
            if given not in range(_DIMENSIONS):
                raise WrongValue(f"dimension {given!r} is unknown; legal are 0..{_DIMENSIONS - 1} and {', '.join(Coordinate.dimension_names)}")
            mask |= 1 << given
        return self._find(_PATTERN, _coordinate(at), mask)

    def children(self, at) -> Iterator[Coordinate]:
        """Cells one level below a coordinate: they extend it by one component that is not 0 (`Coordinate.child`)."""
        return self._find(_CHILDREN, _coordinate(at))

    def within(self, at, distance: int, metric: str = "manhattan") -> Iterator[Coordinate]:
        """Cells at most `distance` away, the coordinate included: 'manhattan' adds the components' distances, 'hamming' counts dimensions."""
        kinds = {"manhattan": _MANHATTAN, "hamming": _HAMMING}
        if metric not in kinds:
            raise WrongValue(f"metric '{metric}' is unknown; legal are {', '.join(kinds)}")
        if distance < 0:
            raise WrongValue(f"distance {distance} is negative")
        return self._find(kinds[metric], _coordinate(at), min(distance, 2047 * _DIMENSIONS))

    def nearest(self, at, count: int = 1) -> list[Coordinate]:
        """Up to `count` cells by Manhattan distance, the nearest first, ties in order."""
        if count < 1:
            raise WrongValue(f"the {count} nearest cells; ask for 1 or more")
        at, found = _coordinate(at), []
        while len(found) < count and (cell := self._handle.nearest(at, len(found) + 1)) is not None:
            found.append(cell)
        return found

    # Calls.

    def call(self, entry, /, *args, **kwargs):
        """Calls an entry of a program (`program["main"]`) in this space; takes and returns what the entry does.

        What the program leaves in the space stays. Until the next call of an entry of that number here, inputs, outputs, kept tensors and
        parameters are regions at `entry.coordinate(name)`: inputs and parameters for reading, the others are the returned arrays themselves.
        """
        return entry.call_in(self, *args, **kwargs)

    def _run(self, program, index, inputs, outputs, tensors):
        """The call, and the life of its tensors: regions stand on them until the next call of the entry."""
        with self._calling:
            before = self._tensors.get(index, [])
            self._tensors[index] = [*before, *tensors]  # whichever stand after a failure
            program.call(index, inputs, outputs, self._handle)
            self._tensors[index] = tensors

    # Phext text.

    def load_text(self, text: str | bytes) -> list[Coordinate]:
        """Puts the scrolls of a phext text that are not empty into the space (`set_scroll`); returns their coordinates, in order.

        WrongValue names what no coordinate or region can hold; then the space is as before.
        """
        scrolls = _runtime.parse_phext(_bytes(text))
        for at, scroll in scrolls:
            _lines(at, scroll)
        done: list[tuple[Coordinate, str | None]] = []
        try:
            for at, scroll in scrolls:
                before = self.scroll(at) if at in self._scrolls else None
                self.set_scroll(at, scroll)
                done.append((at, before))
        except WrongValue:
            for at, before in done:
                self.set_scroll(at, before or "")
            raise
        return [at for at, _ in scrolls]

    def save_text(self) -> str:
        """The phext text of the scrolls that are in the space; without the delimiters that only led to empty scrolls."""
        return _text(_runtime.print_phext([(at, _bytes(self.scroll(at))) for at in sorted(self._scrolls) if self._is_scroll(at)]))

    def scrolls(self) -> list[Coordinate]:
        """Where scrolls are, in order; line and column are 0."""
        return [at for at in sorted(self._scrolls) if self._is_scroll(at)]

    def scroll(self, at) -> str:
        """The text of a scroll; KeyError if there is none."""
        at = _of_scroll(at)
        if not self._is_scroll(at):
            raise KeyError(f"no scroll at {at.scroll_text()}")
        rows = numpy.atleast_2d(self.region_at(_begin(at)).read())
        return _text(b"\n".join(row.tobytes().rstrip(b"\0") for row in rows))

    def set_scroll(self, at, text: str | bytes) -> None:
        """Sets the text at a coordinate of nine components that are not 0; an empty text removes the scroll.

        A scroll is a region of bytes: character k of line n (from 1, as phext counts) in UTF-8 stands at line n, column k, behind the end of a
        line 0. So a scroll has up to 2047 lines of up to 2047 bytes, and no byte that is 0 or a delimiter (WrongValue).
        """
        at, text = _of_scroll(at), _bytes(text)
        lines = _lines(at, text)
        _runtime.print_phext([(at, text)])  # refuses components 0 and delimiters
        before = self.scroll(at) if self._is_scroll(at) else None
        if before is not None:
            self.erase(_begin(at))
        self._scrolls.discard(at)
        if not text:
            return
        try:
            region = self.allocate(_begin(at), (len(lines), max(1, *map(len, lines))), "uint8", name=_SCROLL)
        except WrongValue:
            if before is not None:
                self.set_scroll(at, before)
            raise
        rows = numpy.zeros(region.shape, numpy.uint8)
        for row, line in zip(rows, lines):
            row[: len(line)] = numpy.frombuffer(line, numpy.uint8)
        region.write(rows)
        self._scrolls.add(at)

    def _is_scroll(self, at):
        region = self._handle.region_at(_begin(at)) if at in self._scrolls else None
        return region is not None and region[0] == _SCROLL and region[1] == _begin(at)


_SCROLL = "scroll"


def _bytes(text):
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else bytes(text)


def _text(data):
    return data.decode("utf-8", "surrogateescape")


def _of_scroll(at):
    return _coordinate(at).replace(_LINE, 0).replace(_COLUMN, 0)


def _begin(at):
    return at.replace(_LINE, 1).replace(_COLUMN, 1)


def _lines(at, text):
    """The lines of a scroll; WrongValue if it does not fit its lines and columns."""
    lines = text.split(b"\n")
    what = f"scroll {at.scroll_text()}"
    if len(lines) > 2047:
        raise WrongValue(f"{what}: {len(lines)} lines; a scroll in a space has up to 2047")
    for number, line in enumerate(lines, 1):
        if len(line) > 2047:
            raise WrongValue(f"{what}: line {number} has {len(line)} bytes; a line in a space has up to 2047")
        if 0 in line:
            raise WrongValue(f"{what}: byte {line.index(0) + 1} of line {number} is 0, which ends a line in a space")
    return lines
