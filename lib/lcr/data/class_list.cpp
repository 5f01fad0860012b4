#include "lcr/data/class_list.h"

#include <filesystem>
#include <numeric>
#include <set>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

std::set<std::int64_t> read_class_list(const std::string& path, std::int64_t count) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    fail("classes = {}: neither 'all' nor 'every-N' nor a file that can be read", printable(path));
  std::set<std::int64_t> classes;
  int number = 0;
  for (const auto& line : read_lines(path)) {
    ++number;
    std::string text = line.substr(0, line.find('#'));
    std::erase_if(text, [](char c) { return c == ' ' || c == '\t'; });
    if (text.empty()) continue;
    const auto value = parse_integer(text);
    if (!value || *value < 0 || *value >= count)
      fail("{}:{}: '{}' is not a class: classes are the numbers 0 to {}", path, number,
           printable(text), count - 1);
    if (!classes.insert(*value).second)
      fail("{}:{}: class {} is listed twice", path, number, *value);
  }
  return classes;
}

}  // namespace

std::vector<std::int64_t> wanted_classes(const std::string& wanted, std::int64_t count) {
  constexpr std::string_view kEvery = "every-";
  std::vector<std::int64_t> classes;
  if (wanted == "all") {
    classes.resize(static_cast<std::size_t>(count));
    std::iota(classes.begin(), classes.end(), 0);
  } else if (wanted.starts_with(kEvery)) {
    const auto stride = parse_integer(wanted.substr(kEvery.size()));
    if (!stride || *stride < 1)
      fail("classes = {}: N of every-N is a whole number from 1", printable(wanted));
    for (std::int64_t i = 0; i < count; i += *stride) classes.push_back(i);
  } else {
    const auto listed = read_class_list(wanted, count);
    classes.assign(listed.begin(), listed.end());
  }
  if (classes.size() < 2)
    fail("classes = {}: leaves {} of {} classes; at least 2 are needed", printable(wanted),
         classes.size(), count);
  return classes;
}

}  // namespace lcr
