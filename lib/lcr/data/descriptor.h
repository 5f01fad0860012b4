// What datasets/NAME.json says about a data set or a weight file: where it comes from, its licence,
// what it must hold.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lcr {

/// A file to download.
struct RemoteFile {
  std::string url, name;
  std::int64_t bytes = 0;  ///< 0: not stated
  std::string md5;         ///< of the file; empty: not stated
  std::string sha256;      ///< of the file; empty: not stated
  /// Of the content after gzip decompression, the same however the data is compressed; empty: not
  /// stated.
  std::string content_sha256;
  bool unpack = false;  ///< an archive to be unpacked
};

/// A data set or a weight file.
struct DatasetDescriptor {
  std::string name, title, kind;  ///< kind: "images" or "weights"
  std::string licence, citation, homepage, notes;
  /// Folder in the data directory where the files or the archives' contents end up.
  std::string directory;
  /// Folder in the data directory where archives are unpacked; "." if they contain `directory`.
  std::string unpack_into;
  std::int64_t classes = 0, train = 0, test = 0;  ///< of kind "images"
  std::vector<RemoteFile> files;
};

/// Reads datasets/NAME.json (`path` is the file). Throws UserError if it is missing or malformed.
DatasetDescriptor read_descriptor(const std::filesystem::path& path);

/// The names of all descriptors in a folder, sorted.
std::vector<std::string> descriptor_names(const std::filesystem::path& folder);

/// Throws UserError naming `root` and every difference unless the numbers match the descriptor.
void check_counts(const DatasetDescriptor& descriptor, std::int64_t classes, std::int64_t train,
                  std::int64_t test, const std::filesystem::path& root);

}  // namespace lcr
