#include "lcr/data/listing.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {

void require_inner_path(const std::string& path, const std::string& source) {
  const std::filesystem::path p(path);
  bool inside = !path.empty() && p.is_relative() && path.find('\0') == std::string::npos;
  for (const auto& part : p) inside = inside && part != "..";
  if (!inside) fail("{}: '{}' is not a path inside the data set", source, path);
}

std::string describe(const std::vector<PassedOver>& passed) {
  std::map<std::string, std::vector<const PassedOver*>> by_reason;
  for (const auto& one : passed) by_reason[one.reason].push_back(&one);
  std::vector<std::pair<std::string, std::vector<const PassedOver*>>> reasons(by_reason.begin(),
                                                                              by_reason.end());
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  std::vector<std::string> parts;
  for (const auto& [reason, which] : reasons)
    parts.push_back(fmt::format("{} {} ({})", which.size(), reason, which.front()->path));
  return join_first(parts);
}

std::string describe_passed(const Listing& listing) {
  if (listing.train_passed.empty() && listing.test_passed.empty()) return "";
  const auto text = [](const std::vector<PassedOver>& passed) {
    return passed.empty() ? "nothing" : describe(passed);
  };
  return fmt::format(
      "{}: only .jpg, .jpeg and .png files in class folders are read; passed over in train/: {}; "
      "in test/: {}",
      listing.title, text(listing.train_passed), text(listing.test_passed));
}

std::string describe_similar_names(const Listing& listing) {
  std::map<std::string, std::string> seen;
  std::vector<std::string> pairs;
  for (const auto& name : listing.class_names)
    if (const auto [first, is_new] = seen.emplace(lower_case(name), name); !is_new)
      pairs.push_back(first->second + " and " + name);
  if (pairs.empty()) return "";
  return fmt::format(
      "{}: warning: class names that differ only in upper and lower case are different classes: {}",
      listing.title, join_first(pairs));
}

std::string describe_shared_images(const Listing& listing,
                                   const std::vector<std::string>& digests) {
  std::unordered_map<std::string, std::size_t> training;
  for (std::size_t i = 0; i < listing.train.size(); ++i)
    if (!digests[i].empty()) training.emplace(digests[i], i);
  std::size_t count = 0;
  std::string example;
  for (std::size_t i = 0; i < listing.test.size(); ++i) {
    const auto twin = training.find(digests[listing.train.size() + i]);
    if (twin == training.end()) continue;
    if (++count == 1) example = listing.test[i].path + " is " + listing.train[twin->second].path;
  }
  if (count == 0) return "";
  return fmt::format(
      "{}: warning: {} of {} test images are training images too (the same pixels; {}): scores on "
      "them say nothing about new images",
      listing.title, count, listing.test.size(), example);
}

std::string describe_lost_classes(const Listing& listing, const std::vector<std::string>& digests) {
  std::vector<std::string> lost;
  const auto check = [&](const char* split, const std::vector<ListedImage>& images,
                         std::size_t first) {
    std::set<std::int32_t> listed, left;
    for (std::size_t i = 0; i < images.size(); ++i) {
      listed.insert(images[i].label);
      if (!digests[first + i].empty()) left.insert(images[i].label);
    }
    for (const auto label : listed)
      if (!left.contains(label))
        lost.push_back(
            fmt::format("{} ({})", listing.class_names[static_cast<std::size_t>(label)], split));
  };
  check("train", listing.train, 0);
  check("test", listing.test, listing.train.size());
  return join_first(lost);
}

}  // namespace lcr
