//===- Parameters.cpp - External tensors ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// safetensors reading and panel packing.
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <zlib.h>

namespace vtpu::rt {

namespace {
DType safetensorsType(const std::string &name) {
  static const std::map<std::string, DType> names = {{"BOOL", DType::i1}, {"I8", DType::i8},   {"I16", DType::i16},   {"I32", DType::i32},
                                                     {"I64", DType::i64}, {"U8", DType::u8},   {"U16", DType::u16},   {"U32", DType::u32},
                                                     {"U64", DType::u64}, {"F16", DType::f16}, {"BF16", DType::bf16}, {"F32", DType::f32},
                                                     {"F64", DType::f64}};
  auto it = names.find(name);
  return it == names.end() ? DType(0) : it->second;
}
uint64_t elementCount(const std::vector<int64_t> &shape) {
  uint64_t n = 1;
  for (int64_t extent : shape)
    n *= uint64_t(extent);
  return n;
}
} // namespace

AlignedBuffer::AlignedBuffer(size_t size) {
  // Large buffers ask for huge pages: packed weights are streamed once a call, and every page costs a translation.
  constexpr size_t hugePage = 2 << 20, large = 2 * hugePage;
  const size_t align = size >= large ? hugePage : 64, rounded = (std::max<size_t>(size, 1) + align - 1) / align * align;
  bytes = rounded < size ? nullptr : static_cast<uint8_t *>(std::aligned_alloc(align, rounded));
  if (bytes && size >= large)
    (void)madvise(bytes, rounded, MADV_HUGEPAGE);
}
AlignedBuffer::~AlignedBuffer() { std::free(bytes); }

uint8_t *BufferPool::take(size_t bytes) {
  constexpr size_t largest = 32 << 20;
  const size_t rounded = (std::max<size_t>(bytes, 1) + 63) / 64 * 64;
  if (rounded < bytes)
    return nullptr;
  if (rounded > left) {
    const size_t size = std::max(rounded, std::min(total, largest));
    AlignedBuffer block(size);
    if (!block.data())
      return nullptr;
    total += size;
    blocks.push_back(std::move(block));
    if (size - rounded <= left) // less would be left than in the block at hand
      return blocks.back().data();
    next = blocks.back().data();
    left = size;
  }
  left -= rounded;
  return std::exchange(next, next + rounded);
}

SafetensorsFile::~SafetensorsFile() {
  if (map)
    munmap(const_cast<uint8_t *>(map), size);
}

const TensorView *SafetensorsFile::find(const std::string &key) const {
  auto it = tensors.find(key);
  return it == tensors.end() ? nullptr : &it->second;
}

Result<std::unique_ptr<SafetensorsFile>> SafetensorsFile::open(const std::string &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) {
    int code = errno;
    if (fd >= 0)
      close(fd);
    return Error{fmt::format("cannot open parameter file {}: {}; name the right file when loading the program", path, std::strerror(code))};
  }
  std::unique_ptr<SafetensorsFile> file(new SafetensorsFile);
  file->size = size_t(status.st_size);
  void *mapped = file->size ? mmap(nullptr, file->size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  close(fd);
  auto bad = [&](const std::string &what) { return Error{fmt::format("{} is not a safetensors file: {}", path, what)}; };
  if (mapped == MAP_FAILED)
    return bad(fmt::format("its {} bytes cannot be mapped", file->size));
  file->map = static_cast<const uint8_t *>(mapped);
  uint64_t headerSize = 0;
  if (file->size < 8)
    return bad("it ends inside the header");
  std::memcpy(&headerSize, file->map, 8);
  if (headerSize > file->size - 8)
    return bad(fmt::format("its header of {} bytes ends beyond the file of {} bytes", headerSize, file->size));
  const char *text = reinterpret_cast<const char *>(file->map + 8);
  nlohmann::json header = nlohmann::json::parse(text, text + headerSize, nullptr, false);
  if (header.is_discarded() || !header.is_object())
    return bad("its header is no JSON object");
  const uint64_t dataStart = 8 + headerSize, dataSize = file->size - dataStart;
  for (const auto &[key, value] : header.items()) {
    if (key == "__metadata__")
      continue;
    TensorView view;
    bool good = value.is_object() && value.contains("dtype") && value["dtype"].is_string() && value.contains("shape") &&
                value["shape"].is_array() && value.contains("data_offsets") && value["data_offsets"].is_array() &&
                value["data_offsets"].size() == 2 && value["data_offsets"][0].is_number_unsigned() &&
                value["data_offsets"][1].is_number_unsigned();
    if (!good)
      return bad(fmt::format("the entry of tensor '{}' is malformed", key));
    view.dtype = safetensorsType(value["dtype"].get<std::string>());
    uint64_t elements = 1;
    for (const auto &extent : value["shape"]) {
      if (!extent.is_number_unsigned() || __builtin_mul_overflow(elements, extent.get<uint64_t>(), &elements))
        return bad(fmt::format("the shape of tensor '{}' is malformed", key));
      view.shape.push_back(extent.get<int64_t>());
    }
    uint64_t begin = value["data_offsets"][0].get<uint64_t>(), end = value["data_offsets"][1].get<uint64_t>();
    if (view.dtype == DType(0))
      continue; // an element type of other programs (FP8, ...)
    if (begin > end || end > dataSize || __builtin_mul_overflow(elements, dtypeBytes(view.dtype), &elements) || elements != end - begin)
      return bad(fmt::format("the bytes of tensor '{}' do not fit its shape or the file", key));
    view.data = file->map + dataStart + begin;
    view.bytes = end - begin;
    file->tensors[key] = std::move(view);
  }
  return file;
}

Status checkParameter(const Binding &binding, const TensorView &tensor, const std::string &where) {
  if (tensor.dtype != binding.dtype || tensor.shape != binding.shape)
    return Error{fmt::format("parameter '{}' in {} is {}[{}], the program wants {}[{}]; use the file that the program was compiled with",
                             binding.key, where, dtypeName(tensor.dtype), fmt::join(tensor.shape, ", "), dtypeName(binding.dtype),
                             fmt::join(binding.shape, ", "))};
  if (!binding.hash.empty()) {
    uLong crc = crc32(0, nullptr, 0);
    for (uint64_t done = 0; done < tensor.bytes;) {
      uInt part = uInt(std::min<uint64_t>(tensor.bytes - done, 1u << 30));
      crc = crc32(crc, tensor.data + done, part);
      done += part;
    }
    std::string actual = fmt::format("crc32:{:08x}", uint32_t(crc));
    if (actual != binding.hash)
      return Error{fmt::format("parameter '{}' in {} has changed (hash {}, the program was compiled with {}); recompile the program",
                               binding.key, where, actual, binding.hash)};
  }
  return {};
}

namespace {
/// `source` may lie at any address: a safetensors file aligns nothing.
template <typename T>
void packPanels(const Layout &layout, const uint8_t *source, uint8_t *packed) {
  T *target = reinterpret_cast<T *>(packed);
  const int64_t panels = (layout.cols + layout.tile - 1) / layout.tile;
  for (int64_t b = 0; b < layout.batch; ++b)
    for (int64_t p = 0; p < panels; ++p)
      for (int64_t k = 0; k < layout.rows; ++k) {
        const int64_t width = std::min(layout.tile, layout.cols - p * layout.tile);
        const int64_t first = layout.offset + b * layout.batchStride + k * layout.rowStride + p * layout.tile * layout.colStride;
        const uint8_t *row = source + size_t(first) * sizeof(T);
        if (layout.colStride == 1)
          std::memcpy(target, row, size_t(width) * sizeof(T));
        else
          for (int64_t j = 0; j < width; ++j)
            std::memcpy(target + j, row + size_t(j * layout.colStride) * sizeof(T), sizeof(T));
        std::fill(target + width, target + layout.tile, T(0));
        target += layout.tile;
      }
}
} // namespace

Result<uint8_t *> packParameter(const Binding &binding, const TensorView &tensor, BufferPool &pool) {
  const Layout &l = binding.layout;
  const uint64_t elements = elementCount(tensor.shape), width = dtypeBytes(binding.dtype);
  const __int128 last = __int128(l.offset) + __int128(std::max<int64_t>(l.batch - 1, 0)) * l.batchStride +
                        __int128(std::max<int64_t>(l.rows - 1, 0)) * l.rowStride + __int128(std::max<int64_t>(l.cols - 1, 0)) * l.colStride;
  const __int128 size = __int128(l.batch) * ((l.cols + l.tile - 1) / l.tile) * l.rows * l.tile * width;
  if (l.batch <= 0 || l.rows <= 0 || l.cols <= 0 || last >= __int128(elements) || size != __int128(binding.size))
    return Error{fmt::format("parameter '{}': its panel layout does not fit the tensor or the binding's {} bytes; the file is damaged",
                             binding.key, binding.size)};
  uint8_t *packed = pool.take(binding.size);
  if (!packed)
    return Error{fmt::format("parameter '{}': out of memory for {} packed bytes", binding.key, binding.size)};
  switch (width) {
  case 1:
    packPanels<uint8_t>(l, tensor.data, packed);
    break;
  case 2:
    packPanels<uint16_t>(l, tensor.data, packed);
    break;
  case 4:
    packPanels<uint32_t>(l, tensor.data, packed);
    break;
  default:
    packPanels<uint64_t>(l, tensor.data, packed);
    break;
  }
  return packed;
}

} // namespace vtpu::rt
