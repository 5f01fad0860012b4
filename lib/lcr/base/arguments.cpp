#include "lcr/base/arguments.h"

#include <algorithm>
#include <sstream>

#include "lcr/base/error.h"

namespace lcr {
namespace po = boost::program_options;

po::variables_map parse_arguments(int argc, char** argv, const po::options_description& options,
                                  const std::vector<PositionalWord>& words) {
  po::options_description all;
  all.add(options);
  po::positional_options_description positions;
  for (const auto& word : words) {
    all.add_options()(word.name, word.value);
    positions.add(word.name, word.count);
  }
  po::variables_map values;
  try {
    namespace style = po::command_line_style;
    po::store(po::command_line_parser(argc, argv)
                  .options(all)
                  .positional(positions)
                  .style(style::default_style & ~style::allow_guessing)
                  .run(),
              values);
    po::notify(values);
  } catch (const po::error& e) {
    std::string what = e.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    fail("command line: {}; --help lists the options", what);
  }
  return values;
}

std::string list_options(const po::options_description& options) {
  std::ostringstream text;
  text << options;
  return text.str();
}

}  // namespace lcr
