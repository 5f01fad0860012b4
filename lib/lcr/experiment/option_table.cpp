// The list of option sections, in the order of --help. The sections of methods, data sets,
// backbones and protocols come from their own lists.
#include "lcr/experiment/option_table.h"

#include "lcr/base/error.h"
#include "lcr/config/command_line.h"
#include "lcr/data/catalogue.h"
#include "lcr/data/dataset_options.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/experiment/control_options.h"
#include "lcr/image/view_options.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/backbones.h"
#include "lcr/model/model_options.h"
#include "lcr/train/device_view_options.h"
#include "lcr/train/training_options.h"

namespace lcr {
namespace {

const Condition kTrains{[](const Options& o) { return method_of(o).trains(); },
                        "the method trains"};
const Condition kNetwork{[](const Options& o) { return method_of(o).has_network; },
                         "the method has a network"};
const Condition kGfb{[](const Options& o) { return method_of(o).uses<LcrOptions>(); },
                     "the method has a GFB"};
const Condition kImageFiles{[](const Options& o) { return has_image_files(o); },
                            "the data set consists of image files"};

std::vector<OptionSpec> make_table() {
  std::vector<OptionSpec> table;
  const auto add = [&](std::vector<OptionSpec> rows, const Condition& when = kAlways) {
    for (auto& row : only_when(std::move(rows), when)) table.push_back(std::move(row));
  };
  add(dataset_options());
  add(component_rows(datasets(), "dataset", dataset_of));
  add(image_file_options(), kImageFiles);
  add(input_options());
  add(view_options(), kTrains);
  add(arch_options(), kNetwork);
  add(component_rows(backbones(), "arch", backbone_of), kNetwork);
  add(init_options(), kNetwork);
  add(method_options());
  add(component_rows(methods(), "method", method_of));
  add(training_options(), kTrains);
  add(batch_options(), kTrains);
  add(precision_options(), kNetwork);
  add(eval_every_options(), kTrains);
  add(eval_mask_norm_options(), kGfb);
  add(protocol_options());
  add(program_options());
  add(selection_options());
  add(execution_options());
  add(device_view_options(), kTrains);
  add(schedule_options());
  add(store_options());
  add(data_folder_options());
  add(worker_options());
  return table;
}

void check_epochs(const Options& options) {
  const auto& execution = options.get<ExecutionOptions>();
  const std::int64_t epochs = options.get<TrainingOptions>().epochs;
  parse_checkpoint_interval(execution.checkpoint_every);
  for (const auto epoch : parse_epochs(execution.pin_epochs))
    if (epoch > epochs)
      fail("pin-epochs = '{}': {} is beyond epochs = {}", execution.pin_epochs, epoch, epochs);
  if (const auto epoch = options.get<SubsetOptions>().subset_epoch;
      has_subset(options) && epoch >= epochs)
    fail("subset-epoch = {} must be less than epochs = {}", epoch, epochs);
}

}  // namespace

const std::vector<OptionSpec>& option_table() {
  static const std::vector<OptionSpec> table = make_table();
  return table;
}

void check_consistency(const Options& options) {
  const MethodSpec& method = method_of(options);
  if (method.trains()) {
    if (method.check) method.check(options);
    check_batch(options);
    if (method.uses<LcrOptions>()) check_lcr(options);
    check_epochs(options);
    check_training(options);
    check_views(options);
  }
  if (method.has_network && backbone_of(options).check) backbone_of(options).check(options);
  check_init(options);
  check_input(options);
}

}  // namespace lcr
