// Small image files for tests: as Pillow wrote them (tests/golden/pixel_ops.json), and of every
// kind that people meet (tests/golden/image_files.json).
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace lcr::testing {

inline const nlohmann::json& pixel_goldens() {
  static const nlohmann::json golden = [] {
    std::ifstream in(std::string(LCR_SOURCE_DIR) + "/tests/golden/pixel_ops.json");
    return nlohmann::json::parse(in);
  }();
  return golden;
}

/// Entries with name, bytes (see from_hex), height, width and the SHA-256 of Pillow's RGB pixels.
inline const nlohmann::json& image_file_goldens() {
  static const nlohmann::json golden = [] {
    std::ifstream in(std::string(LCR_SOURCE_DIR) + "/tests/golden/image_files.json");
    return nlohmann::json::parse(in);
  }();
  return golden;
}

inline std::vector<std::uint8_t> from_hex(const std::string& text) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

/// The bytes of the image file `name` ("4:2:0", "grey", "cmyk", "png", ...): 26 x 20 pixels.
inline std::vector<std::uint8_t> image_file(const std::string& name) {
  for (const auto& file : pixel_goldens()["files"])
    if (file["name"] == name) return from_hex(file["bytes"]);
  throw std::runtime_error("no such image: " + name);
}

}  // namespace lcr::testing
