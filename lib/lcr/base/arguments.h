// Command lines of the tools; those of the experiments are in record/command_line.h.
#pragma once

#include <string>
#include <vector>

#include <boost/program_options.hpp>

namespace lcr {

/// A positional argument, and how many of them there may be; -1: any number.
struct PositionalWord {
  const char* name;
  /// Owned by the parser afterwards, as with Boost's add_options().
  const boost::program_options::value_semantic* value;
  int count = 1;
};

/// Parses a command line of `options` and of the positional arguments `words`, in their order, and
/// sets the variables that they are bound to. Abbreviated option names are refused. Throws
/// UserError with one line that ends in a hint at --help.
boost::program_options::variables_map parse_arguments(
    int argc, char** argv, const boost::program_options::options_description& options,
    const std::vector<PositionalWord>& words = {});

/// The options as --help prints them.
std::string list_options(const boost::program_options::options_description& options);

}  // namespace lcr
