#include "lcr/data/cub200.h"

#include <cmath>
#include <map>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/data/data_directory.h"
#include "lcr/data/listing.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// Calls use(id, value, line number) for every "id value" line of a list.
template <typename Use>
void for_each_entry(const fs::path& path, Use&& use) {
  const auto lines = read_lines(path);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const auto blank = lines[i].find(' ');
    const auto id = parse_integer(std::string_view(lines[i]).substr(0, blank));
    if (!id || blank == std::string::npos)
      fail("{}: line {}: '{}' is not 'id value'", path.string(), i + 1, lines[i]);
    use(*id, lines[i].substr(blank + 1), i + 1);
  }
}

/// The values of a list by id; fails if an id occurs twice.
std::map<std::int64_t, std::string> read_list(const fs::path& path) {
  std::map<std::int64_t, std::string> values;
  for_each_entry(path, [&](std::int64_t id, const std::string& value, std::size_t line) {
    if (!values.emplace(id, value).second)
      fail("{}: line {}: id {} occurs twice", path.string(), line, id);
  });
  return values;
}

/// Parses exactly `count` finite numbers.
std::vector<double> numbers(const std::string& text, std::size_t count, const fs::path& path,
                            std::int64_t id) {
  std::vector<double> values;
  for (const auto& part : split(text, ' ')) {
    const auto value = parse_number(part);
    if (!value || !std::isfinite(*value))
      fail("{}: image {}: '{}' is not a number", path.string(), id, part);
    values.push_back(*value);
  }
  if (values.size() != count)
    fail("{}: image {}: '{}' has {} numbers instead of {}", path.string(), id, text, values.size(),
         count);
  return values;
}

void add_boxes(std::map<std::int64_t, ListedImage>& images, const fs::path& path) {
  for (const auto& [id, text] : read_list(path)) {
    const auto image = images.find(id);
    if (image == images.end()) fail("{}: image {} is not in images.txt", path.string(), id);
    const auto box = numbers(text, 4, path, id);
    image->second.box = {box[0], box[1], box[2], box[3]};
  }
}

void add_sizes(std::map<std::int64_t, ListedImage>& images, const fs::path& path) {
  for (const auto& [id, text] : read_list(path)) {
    const auto image = images.find(id);
    if (image == images.end()) fail("{}: image {} is not in images.txt", path.string(), id);
    const auto size = numbers(text, 2, path, id);
    if (!(size[0] >= 1 && size[1] >= 1 && size[0] <= 1e6 && size[1] <= 1e6))
      fail("{}: image {}: '{}' is not a size", path.string(), id, text);
    image->second.width = static_cast<std::int64_t>(size[0]);
    image->second.height = static_cast<std::int64_t>(size[1]);
  }
}

/// part_locs.txt: "image part x y visible".
void add_parts(std::map<std::int64_t, ListedImage>& images, std::size_t part_count,
               const fs::path& path) {
  for_each_entry(path, [&](std::int64_t id, const std::string& value, std::size_t line) {
    const auto image = images.find(id);
    if (image == images.end())
      fail("{}: line {}: image {} is not in images.txt", path.string(), line, id);
    const auto numbers_of_part = numbers(value, 4, path, id);
    const double part = numbers_of_part[0];
    if (!(part >= 1 && part <= static_cast<double>(part_count)))
      fail("{}: line {}: part {} is not 1 to {}", path.string(), line, part, part_count);
    image->second.parts.resize(part_count);
    image->second.parts[static_cast<std::size_t>(part) - 1] = {
        numbers_of_part[1], numbers_of_part[2], numbers_of_part[3] != 0};
  });
}

}  // namespace

Listing list_cub200(const fs::path& root) {
  Listing listing{.name = "cub200", .title = "CUB-200-2011", .root = root};
  for (const auto& [id, name] : read_list(root / "classes.txt"))
    listing.class_names.push_back(name);
  const auto paths = read_list(root / "images.txt");
  const auto labels = read_list(root / "image_class_labels.txt");
  const auto split_flags = read_list(root / "train_test_split.txt");
  if (paths.size() != labels.size() || paths.size() != split_flags.size())
    fail("{}: images.txt names {} images, image_class_labels.txt {}, train_test_split.txt {}",
         root.string(), paths.size(), labels.size(), split_flags.size());
  std::map<std::int64_t, ListedImage> images;
  for (const auto& [id, path] : paths) {
    const auto label = labels.find(id);
    const auto flag = split_flags.find(id);
    if (label == labels.end() || flag == split_flags.end())
      fail("{}: image {} of images.txt is missing from another list", root.string(), id);
    const auto number = parse_integer(label->second);
    if (!number || *number < 1 || *number > listing.class_count())
      fail("{}/image_class_labels.txt: image {} has class '{}', not 1 to {}", root.string(), id,
           label->second, listing.class_count());
    if (flag->second != "0" && flag->second != "1")
      fail("{}/train_test_split.txt: image {} has '{}', not 0 or 1", root.string(), id,
           flag->second);
    require_inner_path(path, (root / "images.txt").string());
    images[id].path = "images/" + path;
    images[id].label = static_cast<std::int32_t>(*number - 1);
  }
  if (fs::exists(root / "bounding_boxes.txt")) add_boxes(images, root / "bounding_boxes.txt");
  if (fs::exists(root / "original_sizes.txt")) add_sizes(images, root / "original_sizes.txt");
  if (fs::exists(root / "parts" / "part_locs.txt")) {
    for (const auto& [id, name] : read_list(root / "parts" / "parts.txt"))
      listing.part_names.push_back(name);
    add_parts(images, listing.part_names.size(), root / "parts" / "part_locs.txt");
  }
  for (auto& [id, image] : images)
    (split_flags.at(id) == "1" ? listing.train : listing.test).push_back(std::move(image));
  return listing;
}

DatasetSpec cub200_dataset() {
  return {.name = "cub200", .list = [](const Options& options) {
            const DatasetDescriptor descriptor = descriptor_of("cub200");
            return checked(list_cub200(need_directory(options, descriptor)), descriptor);
          }};
}

}  // namespace lcr
