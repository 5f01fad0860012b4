#include "lcr/data/descriptor.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

/// A whole number from 0 to 2^62. The JSON library would convert 1e84 silently.
std::int64_t count_at(const nlohmann::json& json, const char* key,
                      const std::filesystem::path& path) {
  const auto& value = json.at(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > (std::uint64_t{1} << 62))
    fail("{}: malformed data set descriptor: '{}' is not a whole number from 0 to 2^62",
         path.string(), key);
  return value.get<std::int64_t>();
}

}  // namespace

DatasetDescriptor read_descriptor(const std::filesystem::path& path) {
  try {
    const auto json = nlohmann::json::parse(read_text(path, 1 << 20));
    DatasetDescriptor d;
    d.name = json.at("name");
    d.title = json.at("title");
    d.kind = json.at("kind");
    d.licence = json.at("licence");
    d.citation = json.at("citation");
    d.homepage = json.value("homepage", "");
    d.notes = json.value("notes", "");
    d.directory = json.at("directory");
    d.unpack_into = json.value("unpack_into", ".");
    if (d.kind == "images") {
      d.classes = count_at(json, "classes", path);
      d.train = count_at(json, "train", path);
      d.test = count_at(json, "test", path);
    } else if (d.kind != "weights") {
      fail("{}: kind '{}' is neither 'images' nor 'weights'", path.string(), d.kind);
    }
    for (const auto& file : json.at("files")) {
      RemoteFile remote{.url = file.at("url"),
                        .name = file.at("name"),
                        .bytes = file.contains("bytes") ? count_at(file, "bytes", path) : 0,
                        .md5 = file.value("md5", ""),
                        .sha256 = file.value("sha256", ""),
                        .content_sha256 = file.value("content_sha256", ""),
                        .unpack = file.value("unpack", false)};
      if (remote.md5.empty() && remote.sha256.empty() && remote.content_sha256.empty())
        fail("{}: {} has no checksum", path.string(), remote.name);
      if (std::filesystem::path(remote.name).filename() != remote.name)
        fail("{}: '{}' is not a plain file name", path.string(), remote.name);
      d.files.push_back(std::move(remote));
    }
    if (d.files.empty()) fail("{}: names no files", path.string());
    return d;
  } catch (const nlohmann::json::exception& e) {
    fail("{}: malformed data set descriptor: {}", path.string(), e.what());
  }
}

std::vector<std::string> descriptor_names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  if (error)
    fail("{}: cannot be listed: {}; set LCR_HOME to the folder that holds datasets/",
         folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

void check_counts(const DatasetDescriptor& d, std::int64_t classes, std::int64_t train,
                  std::int64_t test, const std::filesystem::path& root) {
  std::vector<std::string> differences;
  const auto compare = [&](std::int64_t found, std::int64_t expected, const char* what) {
    if (found != expected)
      differences.push_back(fmt::format("{} {} instead of {}", found, what, expected));
  };
  compare(classes, d.classes, "classes");
  compare(train, d.train, "training images");
  compare(test, d.test, "test images");
  if (!differences.empty())
    fail("{}: does not match {}: {}; files are missing, truncated, or from another data set",
         root.string(), d.title, join(differences, ", "));
}

}  // namespace lcr
