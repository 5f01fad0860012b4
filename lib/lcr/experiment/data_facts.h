// What the results need to know of a data set, kept beside them: with it and the records of the
// runs, tables can be made again without the data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/experiment/identify_run.h"

namespace lcr {

/// A data set once it was read.
struct DataFacts {
  std::string name, title;
  std::int64_t training_images = 0, test_images = 0;
  bool has_objects = false;  ///< masks or boxes around the test images' objects
  std::string train_fingerprint, test_fingerprint;
};

DataFacts describe_data(const Dataset& data);

/// The data sets and the initial weights of one or several experiments, and the revision of the
/// numerics of the program that trained them.
struct InputFacts {
  int numerics_revision = kNumericsRevision;
  std::map<std::string, DataFacts> data;    ///< by facts_key()
  std::map<std::string, std::string> init;  ///< SHA-256 of a file of initial weights, by its name
};

/// The options that determine the content of a data set, wherever its files are.
std::string facts_key(const Options& options);

/// The file in a folder of results that holds its inputs' facts.
std::filesystem::path facts_file(const std::filesystem::path& results);

/// Throws UserError naming the file if it is absent or damaged.
InputFacts read_facts(const std::filesystem::path& file);

/// Adds facts to the file, which need not exist and gets the revision of `facts`.
void add_facts(const std::filesystem::path& file, const InputFacts& facts);

}  // namespace lcr
