#include "lcr/data/synth_birds_dataset.h"

#include "lcr/data/dataset_options.h"
#include "lcr/data/synth_birds.h"
#include "lcr/image/view_options.h"

namespace lcr {
namespace {

constexpr const char* kSynthBirds = "synthbirds";

const Condition kWhole{
    [](const Options& o) { return o.get<DatasetOptions>().dataset == kSynthBirds; },
    "dataset = synthbirds"};

std::vector<OptionSpec> synth_birds_options() {
  Section<SynthBirdsOptions> s("Data");
  s.number("synthbirds-classes", &SynthBirdsOptions::synthbirds_classes, "classes",
           "number of SynthBirds classes; those of synthbirds-standin come after them", 2, 500,
           kWhole);
  s.number("synthbirds-train", &SynthBirdsOptions::synthbirds_train, "images",
           "training images per class", 1, 10000);
  s.number("synthbirds-test", &SynthBirdsOptions::synthbirds_test, "images",
           "test images per class", 2, 10000, kWhole);
  return s.rows();
}

}  // namespace

DatasetSpec synth_birds_dataset() {
  return {.name = kSynthBirds,
          .title = "SynthBirds (drawn by this program)",
          .holds = "as many classes and images as requested",
          .options = {option_group<SynthBirdsOptions>(synth_birds_options)},
          .load =
              [](const Options& options, int threads) {
                const auto& birds = options.get<SynthBirdsOptions>();
                return make_synth_birds({.classes = birds.synthbirds_classes,
                                         .train_per_class = birds.synthbirds_train,
                                         .test_per_class = birds.synthbirds_test,
                                         .size = options.get<InputOptions>().image_size,
                                         .first_class = 0,
                                         .threads = threads});
              },
          .is_drawn = true};
}

DatasetSpec synth_birds_standin() {
  return {.name = "synthbirds-standin",
          .title = "SynthBirds of other species, for pre-training (drawn)",
          .holds = "80 classes, as many images as requested",
          .options = {option_group<SynthBirdsOptions>(synth_birds_options)},
          .load =
              [](const Options& options, int threads) {
                return make_synth_birds_standin(options.get<InputOptions>().image_size,
                                                options.get<SynthBirdsOptions>().synthbirds_train,
                                                threads);
              },
          .is_drawn = true};
}

}  // namespace lcr
