#include "lcr/data/listing.h"

#include "lcr/base/error.h"

namespace lcr {

void require_inner_path(const std::string& path, const std::string& source) {
  const std::filesystem::path p(path);
  bool inside = !path.empty() && p.is_relative() && path.find('\0') == std::string::npos;
  for (const auto& part : p) inside = inside && part != "..";
  if (!inside) fail("{}: '{}' is not a path inside the data set", source, path);
}

}  // namespace lcr
