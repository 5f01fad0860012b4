// Download of a data set's files as its descriptor in datasets/ names them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lcr {

struct RemoteFile {
  std::string url, name;
  std::string sha256;  ///< of the content after gzip decompression, so that it holds for every packing of the same data
};

struct DatasetDescriptor {
  std::string name, title, licence, citation;
  std::vector<RemoteFile> files;
};

/// Reads datasets/<name>.json. Throws UserError if it is missing or malformed.
DatasetDescriptor read_descriptor(const std::filesystem::path& path);

/// Downloads one file (libcurl) to `target`, checks the SHA-256 of its (decompressed) content and renames it into place; an interrupted download leaves no
/// file of that name. Throws UserError with the reason if it cannot be had or its checksum is wrong.
void fetch_file(const RemoteFile& file, const std::filesystem::path& target);

}  // namespace lcr
