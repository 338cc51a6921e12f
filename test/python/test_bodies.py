# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bodies of linalg ops that mix lanes, numbers which all lanes share, loops and checks: against NumPy, in both tiers."""

import numpy
import pytest
import vtpu

HEADER = """#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
#row = affine_map<(d0, d1) -> (d0)>
#matrix = affine_map<(d0, d1) -> (d0, d1)>
"""


def run(text, *arguments):
    program = vtpu.compile_mlir(HEADER + text)
    results = [numpy.asarray(program.with_tier(tier)["main"](*arguments))
               for tier in (("interpreter", "jit") if program.tier == "jit" else ("interpreter",))]
    numpy.testing.assert_array_equal(results[0], results[-1])
    return results[0]


def gather(count, inputs, names, body, table=100):
    """A gather of `count` elements; the body computes %q from its arguments."""
    types = ", ".join(t for _, t, _ in inputs)
    return f"""
func.func @main({', '.join(f'%{n}: {t}' for n, t, _ in inputs)}, %t: tensor<{table}xf32>) -> tensor<{count}xf32> {{
  %c0 = arith.constant 0 : i64
  %c4 = arith.constant 4 : i64
  %e = tensor.empty() : tensor<{count}xf32>
  %w = linalg.generic {{indexing_maps = [{', '.join(m for _, _, m in inputs)}, #id], iterator_types = ["parallel"]}}
      ins({', '.join('%' + n for n, _, _ in inputs)} : {types}) outs(%e : tensor<{count}xf32>) {{
  ^bb0({names}, %o: f32):
    {body}
    %j = arith.index_cast %q : {'i32' if 'i32' in names else 'i64'} to index
    %v = tensor.extract %t[%j] : tensor<{table}xf32>
    linalg.yield %v : f32
  }} -> tensor<{count}xf32>
  return %w : tensor<{count}xf32>
}}"""


TABLE = numpy.arange(100, dtype=numpy.float32)


@pytest.mark.parametrize("count", [3, 8, 33])
def test_bit_as_number(count):
    """A negative index, made right by the sign extension of a comparison."""
    body = "%n = arith.cmpi slt, %a, %c0 : i64\n %x = arith.extsi %n : i1 to i64\n %p = arith.muli %x, %c4 : i64\n %q = arith.subi %a, %p : i64"
    index = numpy.resize(numpy.array([-1, 2, -4, 0, 3], numpy.int64), count)
    text = gather(count, [("i", f"tensor<{count}xi64>", "#id")], "%a: i64", body, table=4)
    numpy.testing.assert_array_equal(run(text, index, TABLE[:4]), TABLE[:4][index])


@pytest.mark.parametrize("kind", ["i32", "i64"])
def test_shared_number_beside_lanes(kind):
    """Every lane is compared with one number of any width."""
    inputs = [("n", f"tensor<{kind}>", "#none"), ("x", f"tensor<64x{kind}>", "#id")]
    body = f"%ok = arith.cmpi slt, %q, %l : {kind}\n cf.assert %ok, \"an index is too large\""
    text = gather(64, inputs, f"%l: {kind}, %q: {kind}", body)
    dtype = numpy.dtype(kind.replace("i", "int"))
    index = numpy.arange(64, dtype=dtype)[::-1].copy()
    numpy.testing.assert_array_equal(run(text, numpy.array(64, dtype), index, TABLE), TABLE[index])
    with pytest.raises(vtpu.ProgramFailed, match="an index is too large"):
        run(text, numpy.array(63, dtype), index, TABLE)


@pytest.mark.parametrize("shared", [-1, 1])
def test_shared_condition_beside_lanes(shared):
    """One comparison selects between indices of the lanes."""
    inputs = [("n", "tensor<i64>", "#none"), ("x", "tensor<64xi64>", "#id")]
    text = gather(64, inputs, "%l: i64, %i: i64", "%ok = arith.cmpi sgt, %l, %c0 : i64\n %q = arith.select %ok, %i, %c4 : i64")
    index = numpy.arange(64)[::-1].copy()
    numpy.testing.assert_array_equal(run(text, numpy.array(shared), index, TABLE), TABLE[index if shared > 0 else 4 + 0 * index])


def test_scalar_input_as_address():
    text = """
func.func @main(%x: tensor<4xi64>, %t: tensor<100xf32>) -> tensor<64xf32> {
  %two = arith.constant 2 : index
  %e = tensor.empty() : tensor<64xf32>
  %n = tensor.extract %x[%two] : tensor<4xi64>
  %w = linalg.generic {indexing_maps = [#none, #id], iterator_types = ["parallel"]} ins(%n : i64) outs(%e : tensor<64xf32>) {
  ^bb0(%l: i64, %o: f32):
    %j = arith.index_cast %l : i64 to index
    %v = tensor.extract %t[%j] : tensor<100xf32>
    linalg.yield %v : f32
  } -> tensor<64xf32>
  return %w : tensor<64xf32>
}"""
    numpy.testing.assert_array_equal(run(text, numpy.array([1, 2, 77, 4]), TABLE), numpy.full(64, 77, numpy.float32))


def test_wide_numbers_in_a_loop():
    """Messages computed in f64: the lanes are as few as f64 allows, also where the work moves into the loop of a scatter."""
    text = """
func.func @main(%x: tensor<4x16xf32>) -> tensor<2x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x16xf32>
  %t = linalg.fill ins(%zero : f32) outs(%e : tensor<2x16xf32>) -> tensor<2x16xf32>
  %eu = tensor.empty() : tensor<4x16xf32>
  %u = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x16xf32>) outs(%eu : tensor<4x16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %d = arith.extf %a : f32 to f64
    %m = arith.mulf %d, %d : f64
    %f = arith.truncf %m : f64 to f32
    linalg.yield %f : f32
  } -> tensor<4x16xf32>
  %u3 = tensor.expand_shape %u [[0, 1], [2]] output_shape [4, 1, 16] : tensor<4x16xf32> into tensor<4x1x16xf32>
  %i = arith.constant dense<[[0], [1], [0], [1]]> : tensor<4x1xi32>
  %r = "tm_tensor.scatter"(%u3, %i, %t) ({
  ^bb0(%new: f32, %old: f32):
    %s = arith.addf %new, %old : f32
    "tm_tensor.yield"(%s) : (f32) -> ()
  }) {dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false} : (tensor<4x1x16xf32>, tensor<4x1xi32>, tensor<2x16xf32>) -> tensor<2x16xf32>
  return %r : tensor<2x16xf32>
}"""
    x = numpy.arange(64, dtype=numpy.float32).reshape(4, 16)
    numpy.testing.assert_array_equal(run(text, x), numpy.stack([x[0] ** 2 + x[2] ** 2, x[1] ** 2 + x[3] ** 2]))


def test_checks_of_what_is_not_read_stay():
    """A gather with an index out of range traps although what it gathers there is never used."""
    text = """
func.func @main(%table: tensor<10x16xf32>, %idx: tensor<8xi64>, %sel: tensor<2xi64>) -> tensor<2x16xf32> {
  %eu = tensor.empty() : tensor<8x16xf32>
  %u = linalg.generic {indexing_maps = [#row, #matrix], iterator_types = ["parallel", "parallel"]} ins(%idx : tensor<8xi64>) outs(%eu : tensor<8x16xf32>) {
  ^bb0(%a: i64, %o: f32):
    %d = arith.index_cast %a : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %table[%d, %j] : tensor<10x16xf32>
    linalg.yield %v : f32
  } -> tensor<8x16xf32>
  %ev = tensor.empty() : tensor<2x16xf32>
  %w = linalg.generic {indexing_maps = [#row, #matrix], iterator_types = ["parallel", "parallel"]} ins(%sel : tensor<2xi64>) outs(%ev : tensor<2x16xf32>) {
  ^bb0(%a: i64, %o: f32):
    %d = arith.index_cast %a : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %u[%d, %j] : tensor<8x16xf32>
    linalg.yield %v : f32
  } -> tensor<2x16xf32>
  return %w : tensor<2x16xf32>
}"""
    table, index, pick = numpy.random.default_rng(0).random((10, 16), numpy.float32), numpy.arange(8) + 1, numpy.array([5, 0])
    numpy.testing.assert_array_equal(run(text, table, index, pick), table[index][pick])
    index[3] = -5
    with pytest.raises(vtpu.ProgramFailed, match="index out of range: expected 0 <= index < 10"):
        run(text, table, index, pick)
