//===- Arrays.cpp - Arrays of the command line ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arrays.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <unistd.h>

namespace vtpu::tools {

namespace {
template <typename T>
T load(const uint8_t *p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}
template <typename T>
void store(uint8_t *p, double value) {
  T narrow = T(value);
  std::memcpy(p, &narrow, sizeof(T));
}
double halfToDouble(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent     ? std::ldexp(1024 + fraction, exponent - 25)
                                    : std::ldexp(fraction, -24);
  return bits & 0x8000 ? -magnitude : magnitude;
}
uint16_t doubleToHalf(double value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double m = std::fabs(value);
  if (std::isnan(m))
    return sign | 0x7e00;
  if (m >= 65520)
    return sign | 0x7c00;
  int exponent;
  std::frexp(m, &exponent);
  exponent = std::max(exponent - 1, -14);
  double scaled = std::nearbyint(std::ldexp(m, 10 - exponent));
  if (scaled >= 2048)
    scaled /= 2, ++exponent;
  return scaled < 1024 ? uint16_t(sign | uint16_t(scaled)) : uint16_t(sign | (exponent + 15) << 10 | (uint16_t(scaled) - 1024));
}
} // namespace

int64_t Array::count() const {
  int64_t n = 1;
  for (int64_t extent : shape)
    n *= extent;
  return n;
}
std::string Array::type() const {
  std::string text;
  for (int64_t extent : shape)
    text += fmt::format("{}x", extent);
  return text + std::string(dtypeName(dtype));
}
double Array::at(int64_t i) const {
  const uint8_t *p = bytes.data() + i * dtypeBytes(dtype);
  switch (dtype) {
  case DType::i1:
  case DType::u8:
    return *p;
  case DType::i8:
    return load<int8_t>(p);
  case DType::i16:
    return load<int16_t>(p);
  case DType::u16:
    return load<uint16_t>(p);
  case DType::i32:
    return load<int32_t>(p);
  case DType::u32:
    return load<uint32_t>(p);
  case DType::i64:
    return double(load<int64_t>(p));
  case DType::u64:
    return double(load<uint64_t>(p));
  case DType::f16:
    return halfToDouble(load<uint16_t>(p));
  case DType::bf16: {
    uint32_t bits = uint32_t(load<uint16_t>(p)) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  }
  case DType::f32:
    return load<float>(p);
  default:
    return load<double>(p);
  }
}
void Array::set(int64_t i, double value) {
  uint8_t *p = bytes.data() + i * dtypeBytes(dtype);
  switch (dtype) {
  case DType::i1:
    *p = value != 0;
    return;
  case DType::i8:
    return store<int8_t>(p, value);
  case DType::u8:
    return store<uint8_t>(p, value);
  case DType::i16:
    return store<int16_t>(p, value);
  case DType::u16:
    return store<uint16_t>(p, value);
  case DType::i32:
    return store<int32_t>(p, value);
  case DType::u32:
    return store<uint32_t>(p, value);
  case DType::i64:
    return store<int64_t>(p, value);
  case DType::u64:
    return store<uint64_t>(p, value);
  case DType::f16: {
    uint16_t bits = doubleToHalf(value);
    std::memcpy(p, &bits, 2);
    return;
  }
  case DType::bf16: {
    float narrow = float(value);
    uint32_t bits;
    std::memcpy(&bits, &narrow, 4);
    uint16_t upper = std::isnan(narrow) ? uint16_t(bits >> 16 | 0x40) : uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    std::memcpy(p, &upper, 2);
    return;
  }
  case DType::f32:
    return store<float>(p, value);
  default:
    return store<double>(p, value);
  }
}

std::string Array::text(int64_t most) const {
  std::string out = type() + "=";
  const int64_t n = count(), row = shape.empty() ? 1 : shape.back();
  for (int64_t i = 0; i < n && i < most; ++i) {
    if (!shape.empty() && i % row == 0)
      out += '[';
    out += fmt::format("{:.9g}", at(i));
    out += !shape.empty() && i % row == row - 1 ? "]" : i + 1 < n ? " " : "";
  }
  return n > most ? out + "..." : out;
}

namespace {
const std::map<std::string, DType> numpyNames = {{"|b1", DType::i1}, {"|i1", DType::i8}, {"<i2", DType::i16}, {"<i4", DType::i32},
                                                 {"<i8", DType::i64}, {"|u1", DType::u8}, {"<u2", DType::u16}, {"<u4", DType::u32},
                                                 {"<u8", DType::u64}, {"<f2", DType::f16}, {"<f4", DType::f32}, {"<f8", DType::f64}};

Result<Array> readNumpy(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    return Error{fmt::format("cannot open {}: {}", path, std::strerror(errno))};
  std::vector<char> data((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  auto bad = [&](const char *what) { return Error{fmt::format("{} is no .npy file of a plain array: {}", path, what)}; };
  if (data.size() < 12 || std::memcmp(data.data(), "\x93NUMPY", 6) != 0)
    return bad("its magic is missing");
  const bool wide = data[6] >= 2;
  const size_t start = wide ? 12 : 10;
  const size_t length = wide ? load<uint32_t>(reinterpret_cast<uint8_t *>(&data[8])) : load<uint16_t>(reinterpret_cast<uint8_t *>(&data[8]));
  if (start + length > data.size())
    return bad("its header is cut off");
  std::string header(&data[start], length);
  auto value = [&](const char *key) {
    size_t at = header.find(key);
    return at == std::string::npos ? std::string() : header.substr(header.find(':', at) + 1);
  };
  std::string descr = value("'descr'"), order = value("'fortran_order'"), shape = value("'shape'");
  size_t first = descr.find('\''), second = descr.find('\'', first + 1);
  if (first == std::string::npos || second == std::string::npos || shape.find('(') == std::string::npos)
    return bad("its header is malformed");
  Array array;
  auto known = numpyNames.find(descr.substr(first + 1, second - first - 1));
  if (known == numpyNames.end())
    return bad("its element type is unknown");
  if (order.find("True") < order.find(','))
    return bad("it is in Fortran order");
  array.dtype = known->second;
  std::string extents = shape.substr(shape.find('(') + 1, shape.find(')') - shape.find('(') - 1);
  std::stringstream parts(extents);
  for (std::string part; std::getline(parts, part, ',');)
    if (part.find_first_of("0123456789") != std::string::npos)
      array.shape.push_back(std::strtoll(part.c_str(), nullptr, 10));
  const size_t bytes = size_t(array.count()) * dtypeBytes(array.dtype);
  if (data.size() - start - length != bytes)
    return bad("its data does not fit its shape");
  array.bytes.assign(data.begin() + long(start + length), data.end());
  return array;
}
} // namespace

Result<Array> parseArray(const std::string &text) {
  if (!text.empty() && text[0] == '@')
    return readNumpy(text.substr(1));
  const size_t equals = text.find('=');
  std::string type = text.substr(0, equals);
  Array array;
  std::stringstream parts(type);
  std::vector<std::string> pieces;
  for (std::string part; std::getline(parts, part, 'x');)
    pieces.push_back(part);
  if (pieces.empty() || parseDType(pieces.back()) == DType(0))
    return Error{fmt::format("'{}' is no array; write for example 2x2xf32=1 2 3 4, 4xi64=0 or @file.npy", text)};
  array.dtype = parseDType(pieces.back());
  pieces.pop_back();
  for (const std::string &piece : pieces) {
    char *end;
    int64_t extent = std::strtoll(piece.c_str(), &end, 10);
    if (piece.empty() || *end || extent < 0 || extent > (int64_t(1) << 40))
      return Error{fmt::format("'{}': '{}' is no extent", text, piece)};
    array.shape.push_back(extent);
  }
  array.bytes.resize(size_t(array.count()) * dtypeBytes(array.dtype));
  std::vector<double> values;
  if (equals != std::string::npos) {
    std::string rest = text.substr(equals + 1);
    for (char &c : rest)
      if (c == '[' || c == ']' || c == ',')
        c = ' ';
    std::stringstream words(rest);
    for (std::string word; words >> word;) {
      char *end;
      values.push_back(word == "true" ? 1 : word == "false" ? 0 : std::strtod(word.c_str(), &end));
      if (word != "true" && word != "false" && *end)
        return Error{fmt::format("'{}': '{}' is no number", text, word)};
    }
  } else {
    values.push_back(0);
  }
  if (values.size() != 1 && int64_t(values.size()) != array.count())
    return Error{fmt::format("'{}' has {} numbers for {} elements; give all or one", type, values.size(), array.count())};
  for (int64_t i = 0; i < array.count(); ++i)
    array.set(i, values[values.size() == 1 ? 0 : size_t(i)]);
  return array;
}

Status writeNumpy(const Array &array, const std::string &path) {
  std::string descr;
  for (const auto &[name, type] : numpyNames)
    if (type == array.dtype)
      descr = name;
  if (descr.empty())
    descr = "<u2"; // bf16 as patterns
  std::string shape;
  for (int64_t extent : array.shape)
    shape += fmt::format("{}, ", extent);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  const std::string temporary = path + ".partial";
  {
    std::ofstream stream(temporary, std::ios::binary);
    uint16_t length = uint16_t(header.size());
    stream.write("\x93NUMPY\x01\x00", 8).write(reinterpret_cast<char *>(&length), 2) << header;
    stream.write(reinterpret_cast<const char *>(array.bytes.data()), std::streamsize(array.bytes.size()));
    stream.flush();
    if (!stream) {
      int code = errno;
      unlink(temporary.c_str());
      return Error{fmt::format("cannot write {}: {}; nothing was written", path, std::strerror(code))};
    }
  }
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return Error{fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  return {};
}

Status compareArrays(const Array &actual, const Array &expected, double threshold) {
  if (actual.dtype != expected.dtype || actual.shape != expected.shape)
    return Error{fmt::format("result is {}, expected {}", actual.type(), expected.type())};
  const bool exact = expected.dtype < DType::f16;
  for (int64_t i = 0; i < expected.count(); ++i) {
    double a = actual.at(i), e = expected.at(i);
    bool same = a == e || (std::isnan(a) && std::isnan(e)) || (!exact && std::fabs(a - e) <= threshold * (1 + std::fabs(e)));
    if (!same)
      return Error{fmt::format("element {} is {:.9g}, expected {:.9g}", i, a, e)};
  }
  return {};
}

} // namespace vtpu::tools
