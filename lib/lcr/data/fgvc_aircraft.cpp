#include "lcr/data/fgvc_aircraft.h"

#include <map>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/data/data_directory.h"
#include "lcr/data/listing.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kBannerRows = 20;  // the copyright banner at the bottom of every image

/// The non-empty lines of a list.
std::vector<std::string> lines(const fs::path& path) {
  auto all = read_lines(path);
  std::erase(all, "");
  return all;
}

}  // namespace

Listing list_fgvc_aircraft(const fs::path& root) {
  const fs::path data = root / "data";
  Listing listing{.name = "fgvc-aircraft",
                  .title = "FGVC-Aircraft",
                  .root = root,
                  .class_names = lines(data / "variants.txt"),
                  .cut_bottom = kBannerRows};
  std::map<std::string, std::int32_t> label_of;
  for (std::size_t i = 0; i < listing.class_names.size(); ++i)
    if (!label_of.emplace(listing.class_names[i], static_cast<std::int32_t>(i)).second)
      fail("{}: variant '{}' occurs twice", (data / "variants.txt").string(),
           listing.class_names[i]);
  // images_box.txt: "image xmin ymin xmax ymax"; pixels count from 1, both corners are inside.
  std::map<std::string, ListedBox> boxes;
  if (const fs::path path = data / "images_box.txt"; fs::exists(path))
    for (const auto& line : lines(path)) {
      const auto parts = split(line, ' ');
      std::vector<double> values;
      for (std::size_t i = 1; i < parts.size(); ++i) {
        const auto value = parse_integer(parts[i]);
        values.push_back(value ? static_cast<double>(*value) : -1);
      }
      if (values.size() != 4 || values[0] < 0 || values[1] < 0 || values[2] < values[0] ||
          values[3] < values[1])
        fail("{}: '{}' is not 'image xmin ymin xmax ymax'", path.string(), line);
      boxes[parts[0]] = {values[0] - 1, values[1] - 1, values[2] - values[0] + 1,
                         values[3] - values[1] + 1};
    }
  const auto read = [&](const char* name, std::vector<ListedImage>& images) {
    const fs::path path = data / name;
    for (const auto& line : lines(path)) {  // "0034309 A340-300": variants may hold blanks
      const auto blank = line.find(' ');
      const auto label =
          blank == std::string::npos ? label_of.end() : label_of.find(line.substr(blank + 1));
      if (label == label_of.end())
        fail("{}: '{}' is not 'image variant' with a variant of variants.txt", path.string(), line);
      const std::string id = line.substr(0, blank);
      require_inner_path(id, path.string());
      const auto box = boxes.find(id);
      images.push_back({.path = "data/images/" + id + ".jpg",
                        .label = label->second,
                        .box = box == boxes.end() ? std::nullopt : std::optional(box->second)});
    }
  };
  read("images_variant_trainval.txt", listing.train);
  read("images_variant_test.txt", listing.test);
  return listing;
}

DatasetSpec fgvc_aircraft_dataset() {
  return {.name = "fgvc-aircraft", .list = [](const Options& options) {
            const DatasetDescriptor descriptor = descriptor_of("fgvc-aircraft");
            return checked(list_fgvc_aircraft(need_directory(options, descriptor)), descriptor);
          }};
}

}  // namespace lcr
