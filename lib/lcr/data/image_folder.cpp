#include <algorithm>
#include <cctype>

#include "lcr/base/error.h"
#include "lcr/data/listing.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

/// The names of the entries of a folder that satisfy `wanted`, sorted.
template <typename Wanted>
std::vector<std::string> names(const fs::path& folder, Wanted&& wanted) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (wanted(entry)) out.push_back(entry.path().filename().string());
  if (error) fail("{}: cannot be listed: {}", folder.string(), error.message());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

Listing list_image_folder(const fs::path& root) {
  Listing listing{.name = "image-folder",
                  .title = fs::weakly_canonical(root).filename().string(),
                  .root = root};
  const auto folders = [&](const char* split) {
    return names(root / split, [](const fs::directory_entry& e) { return e.is_directory(); });
  };
  for (const char* split : {"train", "test"})
    if (!fs::is_directory(root / split))
      fail("{}: no such folder; an image folder holds train/CLASS/*.jpg and test/CLASS/*.jpg",
           (root / split).string());
  listing.class_names = folders("train");
  if (const auto other = folders("test"); other != listing.class_names) {
    const auto differs = std::mismatch(other.begin(), other.end(), listing.class_names.begin(),
                                       listing.class_names.end());
    fail("{}: train/ has {} classes and test/ {}; they differ, first at '{}'", root.string(),
         listing.class_names.size(), other.size(),
         differs.first != other.end() ? *differs.first : *differs.second);
  }
  const auto read = [&](const char* split, std::vector<ListedImage>& images) {
    const auto wanted = [](const fs::directory_entry& e) {
      return e.is_regular_file() && is_image(e.path());
    };
    for (std::size_t label = 0; label < listing.class_names.size(); ++label) {
      const fs::path folder = fs::path(split) / listing.class_names[label];
      for (const auto& name : names(root / folder, wanted))
        images.push_back(
            {.path = (folder / name).string(), .label = static_cast<std::int32_t>(label)});
    }
  };
  read("train", listing.train);
  read("test", listing.test);
  if (listing.train.empty() || listing.test.empty())
    fail("{}: {} training and {} test images (.jpg, .jpeg, .png) found", root.string(),
         listing.train.size(), listing.test.size());
  return listing;
}

}  // namespace lcr
