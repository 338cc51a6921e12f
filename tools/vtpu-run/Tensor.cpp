//===- Tensor.cpp - Tensors of vtpu-run -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tensor.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <sys/stat.h>

namespace vtpu::run {

namespace {
template <typename T>
T load(const uint8_t *at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
template <typename T>
void store(uint8_t *at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

float halfToFloat(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double value = exponent == 31 ? (mantissa ? NAN : INFINITY)
                 : exponent     ? std::ldexp(1024 + mantissa, exponent - 25)
                                : std::ldexp(mantissa, -24);
  return float(bits >> 15 ? -value : value);
}
uint16_t halfFromDouble(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  value = std::fabs(value);
  if (std::isnan(value))
    return sign | 0x7e00;
  if (value >= 65520)
    return sign | 0x7c00;
  if (value < std::ldexp(1.0, -14))
    return uint16_t(sign | unsigned(std::nearbyint(std::ldexp(value, 24))));
  int exponent = 0;
  double fraction = std::frexp(value, &exponent);                                                        // [0.5, 1)
  return uint16_t(sign | ((exponent + 13) * 1024 + unsigned(std::nearbyint(std::ldexp(fraction, 11))))); // a carry moves into the exponent
}
uint16_t bfloatFromDouble(double value) {
  float single = float(value);
  uint32_t bits;
  std::memcpy(&bits, &single, 4);
  if (std::isnan(single))
    return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
float bfloatToFloat(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

bool isFloat(DType type) { return type >= DType::f16; }
bool isUnsigned(DType type) { return type >= DType::u8 && type <= DType::u64; }

int64_t integerElement(const Tensor &tensor, uint64_t index) {
  const uint8_t *at = tensor.bytes.data() + index * dtypeBytes(tensor.dtype);
  switch (tensor.dtype) {
  case DType::i1:
  case DType::u8:
    return *at;
  case DType::i8:
    return int8_t(*at);
  case DType::i16:
    return load<int16_t>(at);
  case DType::u16:
    return load<uint16_t>(at);
  case DType::i32:
    return load<int32_t>(at);
  case DType::u32:
    return load<uint32_t>(at);
  default:
    return load<int64_t>(at);
  }
}

std::string elementText(const Tensor &tensor, uint64_t index) {
  if (tensor.dtype == DType::f64)
    return fmt::format("{}", element(tensor, index));
  if (isFloat(tensor.dtype))
    return fmt::format("{}", float(element(tensor, index)));
  int64_t value = integerElement(tensor, index);
  return isUnsigned(tensor.dtype) ? fmt::format("{}", uint64_t(value)) : fmt::format("{}", value);
}

Status parseElement(const std::string &text, Tensor &tensor, uint64_t index) {
  uint8_t *at = tensor.bytes.data() + index * dtypeBytes(tensor.dtype);
  char *end = nullptr;
  errno = 0;
  auto bad = [&] { return Error{fmt::format("'{}' is not a value of type {}", text, dtypeName(tensor.dtype))}; };
  if (isFloat(tensor.dtype)) {
    double value = std::strtod(text.c_str(), &end);
    if (*end || text.empty())
      return bad();
    if (tensor.dtype == DType::f64)
      store(at, value);
    else if (tensor.dtype == DType::f32)
      store(at, float(value));
    else
      store(at, tensor.dtype == DType::f16 ? halfFromDouble(value) : bfloatFromDouble(value));
    return {};
  }
  if (tensor.dtype == DType::i1 && (text == "true" || text == "false"))
    return *at = text == "true", Status();
  __int128 value = text[0] == '-' ? __int128(std::strtoll(text.c_str(), &end, 0)) : __int128(std::strtoull(text.c_str(), &end, 0));
  const unsigned bits = tensor.dtype == DType::i1 ? 1 : 8 * dtypeBytes(tensor.dtype);
  const bool natural = isUnsigned(tensor.dtype) || tensor.dtype == DType::i1;
  const __int128 low = natural ? 0 : -(__int128(1) << (bits - 1)), high = (__int128(1) << (natural ? bits : bits - 1)) - 1;
  if (*end || text.empty() || errno || value < low || value > high)
    return bad();
  uint64_t raw = uint64_t(value);
  std::memcpy(at, &raw, dtypeBytes(tensor.dtype));
  return {};
}

struct File {
  std::FILE *handle;
  File(const std::string &path, const char *mode) : handle(std::fopen(path.c_str(), mode)) {}
  ~File() {
    if (handle)
      std::fclose(handle);
  }
};

/// One spelling of a NumPy type for an element type.
struct NpyType {
  const char *descr;
  DType dtype;
};
constexpr NpyType npyTypes[] = {{"|b1", DType::i1},   {"|i1", DType::i8},   {"<i2", DType::i16}, {"<i4", DType::i32}, {"<i8", DType::i64},
                                {"|u1", DType::u8},   {"<u2", DType::u16},  {"<u4", DType::u32}, {"<u8", DType::u64}, {"<f2", DType::f16},
                                {"<V2", DType::bf16}, {"|V2", DType::bf16}, {"<f4", DType::f32}, {"<f8", DType::f64}};

Result<Tensor> readNpy(const std::string &path, long &offset) {
  auto bad = [&](const std::string &what) { return Error{fmt::format("{} is not a readable .npy file: {}", path, what)}; };
  File file(path, "rb");
  if (!file.handle)
    return Error{fmt::format("cannot open {}: {}", path, std::strerror(errno))};
  uint8_t head[12];
  if (std::fseek(file.handle, offset, SEEK_SET) != 0 || std::fread(head, 1, 10, file.handle) != 10 ||
      std::memcmp(head, "\x93NUMPY", 6) != 0)
    return bad(offset ? "it holds no further array" : "its magic number is missing");
  uint32_t headerSize = load<uint16_t>(head + 8);
  if (head[6] >= 2) {
    if (std::fread(head + 10, 1, 2, file.handle) != 2)
      return bad("it ends inside the header");
    headerSize = load<uint32_t>(head + 8);
  }
  if (headerSize > 1u << 20)
    return bad(fmt::format("a header of {} bytes", headerSize));
  std::string header(headerSize, '\0');
  if (std::fread(header.data(), 1, headerSize, file.handle) != headerSize)
    return bad("it ends inside the header");
  auto after = [&](const char *key) {
    size_t at = header.find(key);
    return at == std::string::npos ? std::string() : header.substr(header.find_first_not_of(" :", at + std::strlen(key)));
  };
  std::string descr = after("'descr'"), order = after("'fortran_order'"), shape = after("'shape'");
  Tensor tensor;
  tensor.dtype = DType(0);
  for (const NpyType &type : npyTypes)
    if (descr.compare(1, 3, type.descr) == 0)
      tensor.dtype = type.dtype;
  if (tensor.dtype == DType(0))
    return bad(
        fmt::format("element type {} is not supported; legal are little-endian bool, int, uint and float types", descr.substr(0, 5)));
  if (order.compare(0, 5, "False") != 0)
    return bad("it is in Fortran order; save it with numpy.ascontiguousarray");
  if (shape.empty() || shape[0] != '(')
    return bad("its shape is malformed");
  uint64_t elements = 1;
  for (const char *at = shape.c_str() + 1; *at && *at != ')';) {
    char *end = nullptr;
    long long extent = std::strtoll(at, &end, 10);
    if (end == at || extent < 0 || __builtin_mul_overflow(elements, uint64_t(extent), &elements) || elements > (uint64_t(1) << 40))
      return bad("its shape is malformed");
    tensor.shape.push_back(extent);
    at = end + std::strspn(end, ", ");
  }
  tensor.allocate();
  if (std::fread(tensor.bytes.data(), 1, tensor.bytes.size(), file.handle) != tensor.bytes.size())
    return bad("it ends inside the data");
  offset = std::ftell(file.handle);
  return tensor;
}

Status readRaw(const std::string &path, Tensor &tensor) {
  File file(path, "rb");
  if (!file.handle)
    return Error{fmt::format("cannot open {}: {}", path, std::strerror(errno))};
  size_t n = std::fread(tensor.bytes.data(), 1, tensor.bytes.size(), file.handle);
  if (n != tensor.bytes.size() || std::fgetc(file.handle) != EOF)
    return Error{fmt::format("{} does not hold the {} bytes of {}", path, tensor.bytes.size(), typeText(tensor.dtype, tensor.shape))};
  return {};
}

Status parseType(const std::string &text, Tensor &tensor) {
  size_t at = 0;
  uint64_t elements = 1;
  while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]))) {
    char *end = nullptr;
    unsigned long long extent = std::strtoull(text.c_str() + at, &end, 10);
    if (*end != 'x' || __builtin_mul_overflow(elements, std::max<uint64_t>(extent, 1), &elements) || elements > (uint64_t(1) << 40))
      return Error{fmt::format("'{}' is not a tensor type such as 2x2xf32", text)};
    tensor.shape.push_back(int64_t(extent));
    at = size_t(end + 1 - text.c_str());
  }
  std::string name = text.substr(at);
  if (name.size() > 2 && (name.compare(0, 2, "si") == 0 || name.compare(0, 2, "ui") == 0))
    name = name[0] == 's' ? name.substr(1) : "u" + name.substr(2);
  tensor.dtype = parseDType(name);
  if (tensor.dtype == DType(0))
    return Error{fmt::format("'{}' is not a tensor type such as 2x2xf32", text)};
  return {};
}

void nested(const Tensor &tensor, size_t dimension, uint64_t &index, uint64_t most, std::string &out) {
  if (dimension == tensor.shape.size()) {
    out += elementText(tensor, index++);
    return;
  }
  const bool inner = dimension + 1 == tensor.shape.size();
  for (int64_t i = 0; i < tensor.shape[dimension]; ++i) {
    if (index >= most) {
      out += "...";
      return;
    }
    if (inner) {
      if (i)
        out += ' ';
      nested(tensor, dimension + 1, index, most, out);
    } else {
      out += '[';
      nested(tensor, dimension + 1, index, most, out);
      out += ']';
    }
  }
}
} // namespace

uint64_t Tensor::elements() const {
  uint64_t n = 1;
  for (int64_t extent : shape)
    n *= uint64_t(extent);
  return n;
}

double element(const Tensor &tensor, uint64_t index) {
  const uint8_t *at = tensor.bytes.data() + index * dtypeBytes(tensor.dtype);
  switch (tensor.dtype) {
  case DType::f16:
    return halfToFloat(load<uint16_t>(at));
  case DType::bf16:
    return bfloatToFloat(load<uint16_t>(at));
  case DType::f32:
    return load<float>(at);
  case DType::f64:
    return load<double>(at);
  case DType::u64:
    return double(load<uint64_t>(at));
  default:
    return double(integerElement(tensor, index));
  }
}

std::string typeText(DType dtype, const std::vector<int64_t> &shape) {
  std::string out;
  for (int64_t extent : shape)
    out += fmt::format("{}x", extent);
  return out + std::string(dtypeName(dtype));
}

std::string tensorText(const Tensor &tensor, uint64_t most) {
  std::string out = typeText(tensor.dtype, tensor.shape) + "=";
  uint64_t index = 0;
  if (tensor.elements())
    nested(tensor, 0, index, most, out);
  return out;
}

Result<Tensor> readTensor(const std::string &text, std::map<std::string, long> &offsets) {
  if (!text.empty() && (text[0] == '@' || text[0] == '+')) {
    std::string path = text.substr(1);
    long start = 0;
    return readNpy(path, text[0] == '+' ? offsets[path] : start);
  }
  Tensor tensor;
  size_t equals = text.find('=');
  if (Status status = parseType(text.substr(0, equals), tensor); !status)
    return Error{status.message()};
  tensor.allocate();
  if (equals == std::string::npos)
    return tensor;
  std::string values = text.substr(equals + 1);
  if (!values.empty() && values[0] == '@') {
    if (Status status = readRaw(values.substr(1), tensor); !status)
      return Error{status.message()};
    return tensor;
  }
  const uint64_t elements = tensor.elements();
  uint64_t count = 0;
  for (size_t at = 0; (at = values.find_first_not_of(" ,[]\t\n", at)) != std::string::npos; ++count) {
    size_t end = std::min(values.find_first_of(" ,[]\t\n", at), values.size());
    if (count < elements)
      if (Status status = parseElement(values.substr(at, end - at), tensor, count); !status)
        return Error{status.message()};
    at = end;
  }
  const unsigned width = dtypeBytes(tensor.dtype);
  if (count == 1 && elements > 1) // one value fills the tensor
    for (uint64_t i = 1; i < elements; ++i)
      std::memcpy(tensor.bytes.data() + i * width, tensor.bytes.data(), width);
  else if (count != elements)
    return Error{fmt::format("{} has {} elements, but {} values are given", text.substr(0, equals), elements, count)};
  return tensor;
}

Status writeNpy(const Tensor &tensor, const std::string &path, bool append) {
  std::string shape;
  for (int64_t extent : tensor.shape)
    shape += fmt::format("{}, ", extent);
  if (tensor.shape.size() > 1)
    shape.resize(shape.size() - 2);
  const char *descr = "";
  for (const NpyType &type : npyTypes)
    if (type.dtype == tensor.dtype && !*descr)
      descr = type.descr;
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
  header.append(64 - (10 + header.size() + 1) % 64, ' ');
  header += '\n';
  const uint16_t size = uint16_t(header.size());
  File file(path, append ? "ab" : "wb");
  bool good = file.handle && std::fwrite("\x93NUMPY\x01\x00", 1, 8, file.handle) == 8 && std::fwrite(&size, 2, 1, file.handle) == 1 &&
              std::fwrite(header.data(), 1, header.size(), file.handle) == header.size() &&
              std::fwrite(tensor.bytes.data(), 1, tensor.bytes.size(), file.handle) == tensor.bytes.size() && std::fflush(file.handle) == 0;
  if (good)
    return {};
  int code = errno;
  struct stat status;
  if (file.handle && !append && stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode))
    std::remove(path.c_str());
  return Error{fmt::format("cannot write {}: {}", path, std::strerror(code))};
}

std::string compare(const Tensor &actual, const Tensor &expected, const Thresholds &thresholds) {
  if (actual.dtype != expected.dtype || actual.shape != expected.shape)
    return fmt::format("is {}, expected {}", typeText(actual.dtype, actual.shape), typeText(expected.dtype, expected.shape));
  const double threshold = !isFloat(actual.dtype)       ? 0
                           : actual.dtype == DType::f64 ? thresholds.f64
                           : actual.dtype == DType::f32 ? thresholds.f32
                                                        : thresholds.f16;
  uint64_t wrong = 0, first = 0;
  for (uint64_t i = 0; i < actual.elements(); ++i) {
    bool equal;
    if (isFloat(actual.dtype)) {
      double a = element(actual, i), e = element(expected, i);
      equal = a == e || (std::isnan(a) && std::isnan(e)) || std::fabs(a - e) <= threshold;
    } else {
      equal = integerElement(actual, i) == integerElement(expected, i);
    }
    if (!equal && !wrong++)
      first = i;
  }
  if (!wrong)
    return {};
  return fmt::format("element {} is {}, expected {}{}; {} of {} elements differ", first, elementText(actual, first),
                     elementText(expected, first), isFloat(actual.dtype) ? fmt::format(" within {}", threshold) : "", wrong,
                     actual.elements());
}

} // namespace vtpu::run
