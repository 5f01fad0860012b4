// The file of a training state: what it says, and how it is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include <torch/types.h>

#include "lcr/base/error.h"
#include "lcr/method/method.h"
#include "lcr/weights/weight_file.h"

namespace lcr {

inline constexpr const char* kCheckpointFormat = "lcr-checkpoint 2";

/// An undamaged checkpoint of another run or another format: it must not be skipped silently.
class ForeignCheckpoint : public UserError {
 public:
  using UserError::UserError;
};

/// The metadata entry of weights whose training, or whose initial weights' training, was once
/// resumed inexactly from a checkpoint.
inline const std::pair<const std::string, std::string> kInexactMark = {"lcr.resume", "inexact"};

/// What a checkpoint says besides its tensors.
struct CheckpointInfo {
  std::string identity;  ///< the run's hash
  std::int64_t epochs_done = 0;
  std::int64_t steps_done = 0;  ///< of the epoch after those
  /// "name=value" lines: what must be the same for a bit-exact continuation.
  std::string environment;
  /// The run's records so far, in their own form; empty if the checkpoint is not for resuming.
  std::string progress;
  bool inexact = false;  ///< has kInexactMark; not read back, since the records contain it
};

/// Tensors by their name in a checkpoint.
using NamedTensors = std::map<std::string, torch::Tensor>;

/// The tensors of a method: "method.NAME".
NamedTensors method_tensors(const Method& method);

/// Reads a checkpoint of the run `identity`. Throws UserError if the file is damaged,
/// ForeignCheckpoint if it belongs to another run or has another format.
std::pair<WeightFile, CheckpointInfo> read_checkpoint(const std::filesystem::path& path,
                                                      const std::string& identity);

/// Copies all tensors of `file`, which was read from `path`, to those of the same names. Throws
/// UserError, and changes nothing, if one is missing on either side or has another shape.
void copy_tensors(const WeightFile& file, const std::filesystem::path& path, NamedTensors tensors);

/// Loads a method's tensors alone, for evaluation. Throws as read_checkpoint() and copy_tensors()
/// do.
void load_method(Method& method, const std::filesystem::path& path, const std::string& identity);

}  // namespace lcr
