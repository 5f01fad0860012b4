// The list of data sets.
#include "lcr/data/catalogue.h"

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/data/cifar.h"
#include "lcr/data/cub200.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/fashion_mnist.h"
#include "lcr/data/fgvc_aircraft.h"
#include "lcr/data/image_folder.h"
#include "lcr/data/stanford_cars.h"
#include "lcr/data/synth_birds_dataset.h"

namespace lcr {
namespace {

std::vector<DatasetSpec>& dataset_registry() {
  static std::vector<DatasetSpec> specs = {
      fashion_mnist_dataset(), cifar10_dataset(),       cifar100_dataset(),
      synth_birds_dataset(),   synth_birds_standin(),   cub200_dataset(),
      stanford_cars_dataset(), fgvc_aircraft_dataset(), image_folder_dataset(),
  };
  return specs;
}

}  // namespace

const std::vector<DatasetSpec>& datasets() { return dataset_registry(); }

RegisteredDataset::RegisteredDataset(DatasetSpec spec) {
  dataset_registry().push_back(std::move(spec));
}

const DatasetSpec& find_dataset(const std::string& name) {
  for (const auto& spec : datasets())
    if (spec.name == name) return spec;
  const auto names = names_of(datasets());
  fail("dataset = '{}' is not one of {}; the nearest is {}", printable(name), join(names, ", "),
       nearest_name(name, names));
}

const DatasetSpec& dataset_of(const Options& options) {
  return find_dataset(options.get<DatasetOptions>().dataset);
}

bool has_image_files(const Options& options) { return dataset_of(options).has_image_files(); }

std::vector<std::string> data_option_names(const Options& options) {
  const DatasetSpec& spec = dataset_of(options);
  std::vector<std::string> names;
  const auto add = [&](const std::vector<OptionSpec>& rows) {
    for (const auto& row : rows)
      if (row.part != OptionPart::kControl && std::string(row.name) != "dataset")
        names.emplace_back(row.name);
  };
  if (spec.has_image_files()) add(image_file_options());
  add(dataset_options());
  for (const auto& group : spec.options) add(group.rows());
  if (spec.is_drawn) names.emplace_back("image-size");
  return names;
}

}  // namespace lcr
