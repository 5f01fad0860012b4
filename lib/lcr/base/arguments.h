// Command lines of the tools; those of the experiments are in record/command_line.h.
#pragma once

#include <string>
#include <vector>

#include <boost/program_options.hpp>

namespace lcr {

/// A name of a word that stands without an option, and how many of them there may be; -1: any
/// number.
struct PositionalWord {
  const char* name;
  const boost::program_options::value_semantic* value;  ///< owned, as by boost's add_options()
  int count = 1;
};

/// Parses a command line of `options` and, in their order, `words`, and sets the variables that
/// they are bound to. Names are not completed. Throws UserError, a line that ends in a hint at
/// --help.
boost::program_options::variables_map parse_arguments(
    int argc, char** argv, const boost::program_options::options_description& options,
    const std::vector<PositionalWord>& words = {});

/// The options as --help lists them.
std::string list_options(const boost::program_options::options_description& options);

}  // namespace lcr
