// Fuzzes the readers of weight files: input that begins like a torch file goes to that reader, the
// rest to that of safetensors. Copies every accepted tensor.
#include "lcr/base/error.h"
#include "lcr/weights/safetensors.h"
#include "lcr/weights/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> bytes(data, data + size);
  try {
    const lcr::WeightFile file = lcr::looks_like_torch_file(bytes)
                                     ? lcr::parse_torch_file(std::move(bytes), "fuzz")
                                     : lcr::parse_safetensors(std::move(bytes), "fuzz");
    for (const auto& [name, tensor] : file.tensors) {
      const std::uint64_t count = lcr::byte_size(tensor);
      // Bounded by the file: unpacked to 4 times its size, then expanded to 16 times that.
      if (count > 64 * size + (80 << 20)) __builtin_trap();
      std::vector<std::uint8_t> out(count);
      lcr::copy_row_major(file, tensor, out.data());
    }
  } catch (const lcr::UserError&) {
  }
  return 0;
}
