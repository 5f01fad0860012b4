// Turns what a file of torch.save has pickled into tensor descriptors.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "lcr/weights/pickle.h"
#include "lcr/weights/torch_names.h"
#include "lcr/weights/weight_file.h"

namespace lcr {

/// Where the bytes of one storage are.
struct Storage {
  std::uint64_t begin = 0, size = 0;
};

/// The content of a persistent identifier: ('storage', class, key, device, elements, view).
struct StorageId {
  ElementType type;
  std::string key;
  std::int64_t elements = 0;
};

/// Reads a persistent identifier. Throws UserError, which calls the file `name`, if the pickle's
/// value is none.
StorageId read_storage_id(const PickleValue& value, const std::string& name);

/// Adds to `file` the tensors of a pickle's root and of the dicts and lists within it, and the
/// root's texts and numbers as metadata. storages: by their keys. Throws UserError as
/// parse_torch_file() does.
void collect_tensors(WeightFile& file, const PickleValue& root,
                     const std::map<std::string, Storage>& storages, const std::string& name);

}  // namespace lcr
