//===- CallerSpace.h - A space that outlives its calls ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The object behind the C API's vtpu_space: a space, and the tensors of the last call of each entry in it.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_CALLERSPACE_H
#define VTPU_LIB_RUNTIME_CALLERSPACE_H

#include "vtpu/Memory/Space.h"

#include <map>
#include <mutex>

namespace vtpu::rt {

class CallerSpace {
public:
  mem::Space space;
  /// Held by a call: calls in one space run one after the other, since each gives the tensors' coordinates a meaning.
  std::mutex calling;

  /// Replaces the regions of the entry's last call. `owner` lives as long as they stand.
  Status bind(uint32_t entry, std::vector<mem::RegionSpec> tensors, std::shared_ptr<const void> owner) {
    unbind(bound[entry]);
    Tensors &now = bound[entry];
    now.owner = std::move(owner);
    for (mem::RegionSpec &spec : tensors) {
      now.regions.emplace_back(spec.box.first, spec.data);
      if (Result<const mem::Region *> region = space.bind(std::move(spec)); !region) {
        now.regions.pop_back();
        unbind(now);
        return region.takeError();
      }
    }
    return {};
  }

private:
  struct Tensors {
    std::vector<std::pair<Coordinate, const void *>> regions; // corner and storage
    std::shared_ptr<const void> owner;
  };
  std::map<uint32_t, Tensors> bound; // by number of the entry

  /// A program or the caller may have freed some, and put something else there.
  void unbind(Tensors &tensors) {
    for (const auto &[corner, data] : tensors.regions)
      if (const mem::Region *region = space.regionAt(corner); region && region->data() == data)
        (void)space.release(corner).ok();
    tensors = {};
  }
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_CALLERSPACE_H
