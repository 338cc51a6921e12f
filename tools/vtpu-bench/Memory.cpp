//===- Memory.cpp - Times memory by coordinate ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"
#include "Options.h"

#include "vtpu/Memory/Curves.h"
#include "vtpu/Memory/Space.h"

#include <cstring>
#include <memory>
#include <random>

namespace vtpu::tools {

using namespace mem;

namespace {
constexpr unsigned livePages = 1024, accesses = 1 << 14;

/// Random accesses to cells over many live pages.
struct Accesses {
  Space space;
  std::vector<Coordinate> order;
  std::vector<uint8_t *> addresses = std::vector<uint8_t *>(accesses);

  explicit Accesses(uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Coordinate> cells;
    while (space.usage().pages < livePages) {
      Coordinate::Components components;
      for (uint16_t &component : components)
        component = uint16_t(random() & Coordinate::limit);
      // Eight cells of the page.
      for (unsigned i = 0; i < 8; ++i) {
        components[10] = uint16_t((components[10] & ~7u) | i);
        cells.push_back(Coordinate(components));
        const uint64_t value = cells.back().hash();
        std::memcpy(space.touch(cells.back()).data, &value, sizeof value);
      }
    }
    for (unsigned i = 0; i < accesses; ++i)
      order.push_back(cells[random() % cells.size()]);
    space.translate(order.data(), order.size(), addresses.data());
    for (unsigned i = 0; i < accesses; ++i)
      if (uint64_t value; !addresses[i] || (std::memcpy(&value, addresses[i], sizeof value), value != order[i].hash())) {
        std::fprintf(stderr, "vtpu-bench: the space holds another value than was written\n");
        std::exit(exitMismatch);
      }
  }
};

/// Matrices that a kernel reads tile by tile.
struct Matrix {
  static constexpr unsigned side = 256, tile = 64;
  Space space;
  std::vector<float> plain = std::vector<float>(side * side);
  const Region *rows = nullptr, *blocks = nullptr;
  Coordinate corner = Coordinate::uniform(7).with(9, 0).with(10, 0);

  Matrix() {
    for (size_t i = 0; i < plain.size(); ++i)
      plain[i] = float(i % 251);
    RegionSpec spec;
    spec.type = isa::Type::f32;
    spec.box = {corner, corner.with(9, side - 1).with(10, side - 1)};
    spec.name = "rows";
    spec.data = plain.data();
    spec.bytes = plain.size() * sizeof(float);
    rows = *space.bind(spec);
    spec.data = nullptr;
    spec.name = "blocks";
    spec.layout = mem::Layout::blocked;
    spec.block[9] = spec.block[10] = tile;
    spec.box = {corner.with(0, 9), spec.box.last.with(0, 9)};
    blocks = *space.bind(spec);
    for (unsigned i = 0; i < side; ++i)
      for (unsigned j = 0; j < side; ++j)
        std::memcpy(blocks->address(spec.box.first.with(9, i).with(10, j)), &plain[i * side + j], sizeof(float));
  }

  static float sumTile(const uint8_t *data, int64_t rowStride) {
    float lanes[16] = {};
    for (unsigned i = 0; i < tile; ++i) {
      const float *row = reinterpret_cast<const float *>(data + i * rowStride);
      for (unsigned j = 0; j < tile; j += 16)
        for (unsigned lane = 0; lane < 16; ++lane)
          lanes[lane] += row[j + lane] * row[j + lane];
    }
    float sum = 0;
    for (float lane : lanes)
      sum += lane;
    return sum;
  }
  float sumPlain() const {
    float sum = 0;
    for (unsigned i = 0; i < side; i += tile)
      for (unsigned j = 0; j < side; j += tile)
        sum += sumTile(reinterpret_cast<const uint8_t *>(&plain[i * side + j]), side * sizeof(float));
    return sum;
  }
  /// One look-up in the space and one translation a tile.
  float sumRegion(Coordinate first, TranslationCache &cache) const {
    float sum = 0;
    for (unsigned i = 0; i < side; i += tile)
      for (unsigned j = 0; j < side; j += tile) {
        const Coordinate c = first.with(9, i).with(10, j);
        const Place place = space.find(c, &cache);
        const Tile at = place.region->tile(c);
        sum += sumTile(at.data, at.strides[9]);
      }
    return sum;
  }
};

/// C += A * B for square tiles.
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void multiplyTile(float *c, const float *a, const float *b, int64_t strideC, int64_t strideA, int64_t strideB) {
  for (unsigned i = 0; i < Matrix::tile; ++i)
    for (unsigned k = 0; k < Matrix::tile; ++k)
      for (unsigned j = 0; j < Matrix::tile; ++j)
        c[i * strideC + j] += a[i * strideA + k] * b[k * strideB + j];
}

/// The matrix times itself, tile by tile; `at(i, j)` gives the address and the row stride of the operand's tile.
template <typename At>
void multiply(std::vector<float> &product, At at) {
  constexpr unsigned side = Matrix::side, tile = Matrix::tile;
  for (unsigned i = 0; i < side; i += tile)
    for (unsigned j = 0; j < side; j += tile)
      for (unsigned k = 0; k < side; k += tile) {
        const auto [a, strideA] = at(i, k);
        const auto [b, strideB] = at(k, j);
        multiplyTile(&product[i * side + j], a, b, side, strideA, strideB);
      }
}
} // namespace

void registerMemoryBenchmarks(const Configure &configure, uint64_t seed) {
  auto work = std::make_shared<Accesses>(seed);
  auto matrix = std::make_shared<Matrix>();
  auto indices = std::make_shared<std::vector<Coordinate::Bits>>(accesses);
  auto points = std::make_shared<std::vector<Coordinate>>(accesses);
  // `count`: accesses, coordinates, elements or multiply-adds of an iteration.
  auto timed = [&](const char *name, double count, auto body) {
    configure(benchmark::RegisterBenchmark(name, [count, body](benchmark::State &state) {
      for (auto _ : state) {
        body();
        benchmark::ClobberMemory();
      }
      state.counters["count"] = count;
    }));
  };
  timed("memory:translate-batched", accesses, [work] { work->space.translate(work->order.data(), accesses, work->addresses.data()); });
  timed("memory:translate-single", accesses, [work] {
    for (unsigned i = 0; i < accesses; ++i)
      work->addresses[i] = work->space.find(work->order[i]).data;
  });
  timed("memory:translate-cached", accesses, [work, cache = std::make_shared<TranslationCache>()] {
    for (unsigned i = 0; i < accesses; ++i)
      work->addresses[i] = work->space.find(work->order[i & 63], cache.get()).data;
  });
  timed("memory:morton-encode", accesses, [=] { mortonIndices(work->order.data(), accesses, indices->data()); });
  timed("memory:morton-decode", accesses, [=] { mortonCoordinates(indices->data(), accesses, points->data()); });
  timed("memory:hilbert-encode", accesses, [=] { hilbertIndices(work->order.data(), accesses, indices->data()); });
  timed("memory:hilbert-decode", accesses, [=] { hilbertCoordinates(indices->data(), accesses, points->data()); });

  auto cache = std::make_shared<TranslationCache>();
  const Coordinate rows = matrix->corner, blocks = matrix->corner.with(0, 9);
  const float expected = matrix->sumPlain();
  if (matrix->sumRegion(rows, *cache) != expected || matrix->sumRegion(blocks, *cache) != expected) {
    std::fprintf(stderr, "vtpu-bench: the tiled kernel sums other values through the region\n");
    std::exit(exitMismatch);
  }
  const double elements = double(Matrix::side) * Matrix::side;
  auto plainAt = [=](unsigned i, unsigned j) { return std::pair<const float *, int64_t>(&matrix->plain[i * Matrix::side + j], Matrix::side); };
  auto regionAt = [=](unsigned i, unsigned j) {
    const Coordinate c = rows.with(9, i).with(10, j);
    const Tile at = matrix->space.find(c, cache.get()).region->tile(c);
    return std::pair<const float *, int64_t>(reinterpret_cast<const float *>(at.data), at.strides[9] / int64_t(sizeof(float)));
  };
  auto product = std::make_shared<std::vector<float>>(Matrix::side * Matrix::side);
  const double multiplyAdds = elements * Matrix::side;
  timed("memory:product-plain", multiplyAdds, [=] { multiply(*product, plainAt); });
  timed("memory:product-region", multiplyAdds, [=] { multiply(*product, regionAt); });
  timed("memory:tiled-plain", elements, [=] { benchmark::DoNotOptimize(matrix->sumPlain()); });
  timed("memory:tiled-region", elements, [=] { benchmark::DoNotOptimize(matrix->sumRegion(rows, *cache)); });
  timed("memory:tiled-blocked", elements, [=] { benchmark::DoNotOptimize(matrix->sumRegion(blocks, *cache)); });
}

} // namespace vtpu::tools
