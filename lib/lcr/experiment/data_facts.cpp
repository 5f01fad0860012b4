#include "lcr/experiment/data_facts.h"

#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/data/catalogue.h"
#include "lcr/data/object_region.h"
#include "lcr/model/model_options.h"

namespace lcr {
namespace {

constexpr int kSchema = 1;
constexpr int kFirstRevision = 6;  // of files that name none

nlohmann::json to_json(const DataFacts& facts) {
  return {{"name", facts.name},
          {"title", facts.title},
          {"training_images", facts.training_images},
          {"test_images", facts.test_images},
          {"has_objects", facts.has_objects},
          {"train_fingerprint", facts.train_fingerprint},
          {"test_fingerprint", facts.test_fingerprint}};
}

DataFacts from_json(const nlohmann::json& json) {
  return {.name = json.at("name"),
          .title = json.at("title"),
          .training_images = json.at("training_images"),
          .test_images = json.at("test_images"),
          .has_objects = json.at("has_objects"),
          .train_fingerprint = json.at("train_fingerprint"),
          .test_fingerprint = json.at("test_fingerprint")};
}

}  // namespace

DataFacts describe_data(const Dataset& data) {
  return {.name = data.name,
          .title = data.title,
          .training_images = data.train.count(),
          .test_images = data.test.count(),
          .has_objects = !object_ground_truth(data.test).empty(),
          .train_fingerprint = fingerprint(data.train),
          .test_fingerprint = fingerprint(data.test)};
}

std::string facts_key(const Options& options) {
  std::string key = "dataset=" + dataset_of(options).name;
  for (const auto& name : data_option_names(options)) {
    const OptionSpec& spec = find_option(name, "");
    const std::string value = get_option(options, spec);
    if (spec.active(options) && value != default_of(spec)) key += " " + name + "=" + value;
  }
  return key;
}

std::filesystem::path facts_file(const std::filesystem::path& results) {
  return results / "inputs.json";
}

InputFacts read_facts(const std::filesystem::path& file) {
  InputFacts facts;
  try {
    const auto json = nlohmann::json::parse(read_text(file));
    if (json.at("schema") != kSchema) fail("{}: written by another version", file.string());
    for (const auto& [key, value] : json.at("data").items()) facts.data[key] = from_json(value);
    facts.numerics_revision = json.value("numerics_revision", kFirstRevision);
    facts.init = json.at("init").get<std::map<std::string, std::string>>();
  } catch (const nlohmann::json::exception& e) {
    fail("{}: damaged ({})", file.string(), e.what());
  }
  return facts;
}

void add_facts(const std::filesystem::path& file, const InputFacts& facts) {
  InputFacts all = facts;
  if (std::filesystem::exists(file)) {
    const InputFacts before = read_facts(file);
    all.data.insert(before.data.begin(), before.data.end());
    all.init.insert(before.init.begin(), before.init.end());
  }
  nlohmann::json data = nlohmann::json::object();
  for (const auto& [key, value] : all.data) data[key] = to_json(value);
  const nlohmann::json json = {{"schema", kSchema},
                               {"numerics_revision", all.numerics_revision},
                               {"data", data},
                               {"init", all.init}};
  write_atomic(file, json.dump(1) + "\n");
}

}  // namespace lcr
