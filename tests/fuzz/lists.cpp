// Fuzzes the readers of data set lists: the first byte selects the file of a small, valid data set
// that the rest replaces.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/data/descriptor.h"
#include "lcr/data/listing.h"
#include "lcr/data/mat_file.h"

namespace fs = std::filesystem;

namespace {

struct Place {
  const char* path;
  const char* good;
};

constexpr Place kPlaces[] = {
    {"cub/classes.txt", "1 001.A\n2 002.B\n"},
    {"cub/images.txt", "1 001.A/a.jpg\n2 002.B/b.jpg\n"},
    {"cub/image_class_labels.txt", "1 1\n2 2\n"},
    {"cub/train_test_split.txt", "1 1\n2 0\n"},
    {"cub/bounding_boxes.txt", "1 2.6 2.0 13.0 10.0\n2 0.0 0.0 26.0 20.0\n"},
    {"cub/original_sizes.txt", "1 260 200\n2 26 20\n"},
    {"cub/parts/parts.txt", "1 beak\n2 left wing\n"},
    {"cub/parts/part_locs.txt", "1 1 13.0 5.0 1\n1 2 0.0 0.0 0\n2 1 1.0 1.0 1\n2 2 2.0 2.0 1\n"},
    {"aircraft/data/variants.txt", "707-320\nDR-400\n"},
    {"aircraft/data/images_variant_trainval.txt", "0000001 DR-400\n"},
    {"aircraft/data/images_variant_test.txt", "0000003 707-320\n"},
    {"aircraft/data/images_box.txt", "0000001 1 1 26 10\n0000003 1 1 26 20\n"},
    {"annotations.mat", ""},
    {"descriptor.json", "{}"}};

void write(const fs::path& path, const char* bytes, std::size_t size) {
  std::ofstream(path, std::ios::binary).write(bytes, static_cast<std::streamsize>(size));
}

/// The folder of the valid data set, in memory if the system has /dev/shm.
const fs::path& root() {
  static const fs::path path = [] {
    std::string name =
        (fs::exists("/dev/shm") ? "/dev/shm" : "/tmp") + std::string("/lcr-fuzz-XXXXXX");
    const fs::path made = ::mkdtemp(name.data());
    for (const auto& place : kPlaces) {
      fs::create_directories((made / place.path).parent_path());
      write(made / place.path, place.good, std::char_traits<char>::length(place.good));
    }
    return made;
  }();
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Place& place = kPlaces[data[0] % std::size(kPlaces)];
  write(root() / place.path, reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string path = place.path;
  try {
    if (path.starts_with("cub"))
      lcr::list_cub200(root() / "cub");
    else if (path.starts_with("aircraft"))
      lcr::list_fgvc_aircraft(root() / "aircraft");
    else if (path.ends_with(".mat"))
      lcr::read_mat(root() / path);
    else
      lcr::read_descriptor(root() / path);
  } catch (const lcr::UserError&) {
  }
  write(root() / place.path, place.good, std::char_traits<char>::length(place.good));
  return 0;
}
