#include "lcr/data/cub200.h"

#include <map>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/parallel.h"
#include "lcr/base/text.h"
#include "lcr/data/jpeg.h"

namespace lcr {
namespace {

constexpr std::int64_t kClasses = 200;

/// "id value" lines, by id.
std::map<std::int64_t, std::string> read_list(const std::filesystem::path& path) {
  std::map<std::int64_t, std::string> values;
  std::int64_t number = 0;
  for (auto& line : split(read_text(path), '\n')) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const auto blank = line.find(' ');
    const auto id = parse_integer(std::string_view(line).substr(0, blank));
    if (!id || blank == std::string::npos || !values.emplace(*id, line.substr(blank + 1)).second) fail("{}: line {}: '{}' is no new 'id value'", path.string(), number, line);
  }
  return values;
}

struct Entry {
  std::filesystem::path path;
  std::int32_t label;
};

ImageSet decode(const std::vector<Entry>& entries, std::int64_t limit, int threads) {
  std::vector<std::int32_t> labels;
  for (const auto& entry : entries) labels.push_back(entry.label);
  const auto chosen = balanced_indices(labels, kClasses, limit);
  std::vector<RgbImage> images(chosen.size());
  parallel_for(static_cast<std::int64_t>(chosen.size()), threads, [&](std::int64_t i) {
    images[static_cast<std::size_t>(i)] = read_jpeg(entries[static_cast<std::size_t>(chosen[static_cast<std::size_t>(i)])].path);
  });
  ImageSet set;
  set.class_count = kClasses;
  for (std::size_t i = 0; i < images.size(); ++i) {
    set.labels.push_back(labels[static_cast<std::size_t>(chosen[i])]);
    set.places.push_back({images[i].height, images[i].width, static_cast<std::int64_t>(set.pixels.size())});
    set.pixels.insert(set.pixels.end(), images[i].pixels.begin(), images[i].pixels.end());
    images[i] = {};
  }
  return set;
}

}  // namespace

Dataset read_cub200(const std::filesystem::path& root, std::int64_t limit_train, std::int64_t limit_test, int threads) {
  const auto paths = read_list(root / "images.txt"), labels = read_list(root / "image_class_labels.txt"), split_flags = read_list(root / "train_test_split.txt");
  if (paths.size() != labels.size() || paths.size() != split_flags.size())
    fail("{}: images.txt names {} images, image_class_labels.txt {}, train_test_split.txt {}", root.string(), paths.size(), labels.size(), split_flags.size());
  std::vector<Entry> train, test;
  for (const auto& [id, path] : paths) {
    const auto label = labels.find(id), flag = split_flags.find(id);
    if (label == labels.end() || flag == split_flags.end()) fail("{}: image {} of images.txt is missing from another list", root.string(), id);
    const auto number = parse_integer(label->second);
    if (!number || *number < 1 || *number > kClasses) fail("{}/image_class_labels.txt: image {} has class '{}', not 1 to {}", root.string(), id, label->second, kClasses);
    if (flag->second != "0" && flag->second != "1") fail("{}/train_test_split.txt: image {} has '{}', not 0 or 1", root.string(), id, flag->second);
    if (path.find("..") != std::string::npos || path.starts_with('/')) fail("{}/images.txt: image {}: '{}' leaves the folder", root.string(), id, path);
    (flag->second == "1" ? train : test).push_back({root / "images" / path, static_cast<std::int32_t>(*number - 1)});
  }
  return {"cub200", "CUB-200-2011", decode(train, limit_train, threads), decode(test, limit_test, threads)};
}

}  // namespace lcr
