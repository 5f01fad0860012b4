#include "lcr/data/image_folder.h"

#include <algorithm>
#include <map>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/data/listing.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

constexpr const char* kImageFolder = "image-folder";

bool is_hidden(const std::string& name) { return name.starts_with('.') || name == "__MACOSX"; }

/// Whether `folder` is `from` or one of the folders above it; both canonical.
bool is_above(const fs::path& folder, const fs::path& from) {
  return std::mismatch(folder.begin(), folder.end(), from.begin(), from.end()).first ==
         folder.end();
}

/// The entries of a folder by name.
std::vector<fs::directory_entry> sorted_entries(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    entries.push_back(*entry);
  if (error) fail("{}: cannot be listed: {}", folder.string(), error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// What lies below one split's folder.
class Split {
 public:
  Split(fs::path root, const std::string& name) : root_(std::move(root)) {
    way_.push_back(fs::canonical(root_ / name));
    const Level level = read_level(name);
    for (const auto& file : level.files) pass(fs::path(name) / file, "in no class folder");
    for (const auto& folder : level.folders) {
      std::vector<Image> images;
      collect(fs::path(name) / folder, images);
      std::sort(images.begin(), images.end());
      auto& paths = classes[folder];
      for (const auto& [place, file] : images) paths.push_back(place + "/" + file);
    }
  }

  /// By name; the images' paths are relative to the root.
  std::map<std::string, std::vector<std::string>> classes;
  std::vector<PassedOver> passed;

 private:
  /// Folder and name: torchvision orders by the text of the folder's path, then by name.
  using Image = std::pair<std::string, std::string>;
  struct Level {
    std::vector<std::string> folders, files;
  };

  void pass(const fs::path& path, const std::string& reason) {
    passed.push_back({path.string(), reason});
  }

  /// Whether going to a folder from here would come back here: only a link can do so.
  bool leads_back(const fs::path& folder) const {
    return std::any_of(way_.begin(), way_.end(), [real = fs::canonical(folder)](const auto& step) {
      return is_above(real, step);
    });
  }

  /// The folders and files in a folder, without those that are passed over whatever their names.
  Level read_level(const fs::path& folder) {
    Level level;
    for (const auto& entry : sorted_entries(root_ / folder)) {
      const std::string name = entry.path().filename().string();
      std::error_code error;
      const fs::file_type type = entry.status(error).type();  // of a link's target
      if (is_hidden(name))
        pass(folder / name, "hidden");
      else if (type == fs::file_type::regular)
        level.files.push_back(name);
      else if (type == fs::file_type::directory && leads_back(entry.path()))
        pass(folder / name, "link to a folder above it");
      else if (type == fs::file_type::directory)
        level.folders.push_back(name);
      else if (type != fs::file_type::none && type != fs::file_type::not_found)
        pass(folder / name, "neither file nor folder");
      else
        pass(folder / name, entry.is_symlink(error) ? "broken link" : "unreadable");
    }
    return level;
  }

  /// Adds the images in a folder and below it.
  void collect(const fs::path& folder, std::vector<Image>& images) {
    way_.push_back(fs::canonical(root_ / folder));
    const Level level = read_level(folder);
    for (const auto& name : level.files) {
      const std::string extension = lower_case(fs::path(name).extension().string());
      if (extension == ".jpg" || extension == ".jpeg" || extension == ".png")
        images.emplace_back(folder.string(), name);
      else
        pass(folder / name, extension.empty() ? "without extension" : printable(extension));
    }
    for (const auto& name : level.folders) collect(folder / name, images);
    way_.pop_back();
  }

  fs::path root_;
  std::vector<fs::path> way_;  ///< canonical: the split's folder and those down to the current one
};

/// The class folders of `a` that `b`, whose folder is `split`, lacks.
std::vector<std::string> lacking(const Split& a, const Split& b, const std::string& split) {
  std::vector<std::string> missing;
  for (const auto& [name, images] : a.classes) {
    if (b.classes.contains(name)) continue;
    std::string folder = split + "/" + name;
    for (const auto& one : b.passed)
      if (one.path == folder) folder += " (" + one.reason + ")";
    missing.push_back(folder);
  }
  return missing;
}

/// "; passed over there: ..." for what was passed over in these folders; empty if nothing was.
std::string passed_there(const Split& split, const std::vector<std::string>& folders) {
  std::vector<PassedOver> there;
  for (const auto& one : split.passed)
    if (std::any_of(folders.begin(), folders.end(),
                    [&](const auto& folder) { return one.path.starts_with(folder + "/"); }))
      there.push_back(one);
  return there.empty() ? "" : "; passed over there: " + describe(there);
}

}  // namespace

Listing list_image_folder(const fs::path& root) {
  for (const char* split : {"train", "test"})
    if (!fs::is_directory(root / split))
      fail("{}: no such folder; an image folder holds train/CLASS/*.jpg and test/CLASS/*.jpg",
           (root / split).string());
  Listing listing{.name = kImageFolder,
                  .title = fs::weakly_canonical(root).filename().string(),
                  .root = root,
                  .has_fixed_place = false};
  Split train(root, "train"), test(root, "test");
  auto missing = lacking(train, test, "test");
  for (auto& folder : lacking(test, train, "train")) missing.push_back(std::move(folder));
  if (!missing.empty())
    fail("{}: train/ has {} classes and test/ {}, and they differ; missing: {}", root.string(),
         train.classes.size(), test.classes.size(), join_first(missing));
  if (train.classes.empty())
    fail("{}: no class folders; an image folder holds train/CLASS/*.jpg and test/CLASS/*.jpg{}",
         root.string(), passed_there(train, {"train"}));
  const auto take = [&](const std::string& name, Split& split, std::vector<ListedImage>& images,
                        std::vector<PassedOver>& passed) {
    std::vector<std::string> empty;
    for (std::int32_t label = 0; const auto& [class_name, paths] : split.classes) {
      for (const auto& path : paths) images.push_back({.path = path, .label = label});
      if (paths.empty()) empty.push_back(name + "/" + class_name);
      ++label;
    }
    if (!empty.empty())
      fail("{}: no image (.jpg, .jpeg, .png) in {}{}", root.string(), join_first(empty),
           passed_there(split, empty));
    passed = std::move(split.passed);
  };
  for (const auto& [name, images] : train.classes) listing.class_names.push_back(name);
  take("train", train, listing.train, listing.train_passed);
  take("test", test, listing.test, listing.test_passed);
  return listing;
}

namespace {

std::vector<OptionSpec> image_folder_options() {
  Section<ImageFolderOptions> s("Data", OptionPart::kControl);
  s.text("folder", &ImageFolderOptions::folder, "",
         "directory of the data set image-folder; it holds train/CLASS/*.jpg and "
         "test/CLASS/*.jpg (or .jpeg, .png; also in folders below CLASS)");
  return s.rows();
}

}  // namespace

DatasetSpec image_folder_dataset() {
  return {.name = kImageFolder,
          .title = "any folder of train/CLASS/*.jpg and test/CLASS/*.jpg",
          .holds = "--folder DIR",
          .options = {option_group<ImageFolderOptions>(image_folder_options)},
          .list = [](const Options& options) {
            const std::string& folder = options.get<ImageFolderOptions>().folder;
            if (folder.empty())
              fail(
                  "dataset = image-folder: name the folder that holds train/ and test/ with "
                  "--folder");
            return list_image_folder(folder);
          }};
}

}  // namespace lcr
