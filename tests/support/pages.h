// The code blocks of the documentation's pages, which tests build and run as they are.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include "lcr/base/files.h"

namespace lcr::testing {

class DocumentationPage {
 public:
  /// name: a file in docs/.
  explicit DocumentationPage(const std::string& name)
      : text_(read_text(std::filesystem::path(LCR_SOURCE_DIR) / "docs" / name)) {}
  /// The first block in that language.
  std::string block(const std::string& language) const {
    const std::string opening = "```" + language + "\n";
    const auto found = text_.find(opening);
    if (found == std::string::npos) throw std::runtime_error("no block in " + language);
    const auto start = found + opening.size();
    return text_.substr(start, text_.find("```", start) - start);
  }

 private:
  std::string text_;
};

}  // namespace lcr::testing
