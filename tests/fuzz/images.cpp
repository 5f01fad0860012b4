// Fuzzes the reader of image files: JPEG and PNG, at full and at smaller scale.
#include "lcr/base/error.h"
#include "lcr/image/image_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const std::int64_t side : {0, 16}) {
    try {
      const auto image = lcr::decode_image({data, size}, "fuzz", side);
      if (image.pixels.size() != static_cast<std::size_t>(image.height * image.width * 3))
        __builtin_trap();
    } catch (const lcr::UserError&) {
    }
  }
  return 0;
}
