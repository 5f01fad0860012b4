#include "lcr/data/jpeg.h"

#include <turbojpeg.h>

#include <memory>

#include "lcr/base/error.h"
#include "lcr/base/files.h"

namespace lcr {

RgbImage read_jpeg(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxBytes = 256ull << 20;
  constexpr std::int64_t kMaxPixels = 200'000'000;
  const auto bytes = read_file(path, kMaxBytes);
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  check_internal(decoder != nullptr, "libjpeg-turbo cannot be set up");
  int width = 0, height = 0, sampling = 0, space = 0;
  if (tjDecompressHeader3(decoder.get(), bytes.data(), bytes.size(), &width, &height, &sampling, &space) != 0)
    fail("{}: no JPEG image: {}", path.string(), tjGetErrorStr2(decoder.get()));
  if (space == TJCS_CMYK || space == TJCS_YCCK) fail("{}: a CMYK image; convert it to RGB", path.string());
  if (std::int64_t{width} * height > kMaxPixels) fail("{}: {} x {} pixels are too many", path.string(), width, height);
  RgbImage image{height, width, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)};
  if (tjDecompress2(decoder.get(), bytes.data(), bytes.size(), image.pixels.data(), width, 0, height, TJPF_RGB, TJFLAG_ACCURATEDCT) != 0)
    fail("{}: damaged JPEG image: {}", path.string(), tjGetErrorStr2(decoder.get()));
  return image;
}

}  // namespace lcr
