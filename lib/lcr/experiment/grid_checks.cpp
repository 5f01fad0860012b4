#include "lcr/experiment/grid_checks.h"

#include <set>
#include <utility>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/method/host_options.h"
#include "lcr/method/method.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/model/weights.h"

namespace lcr {

void check_initial_weights(const std::vector<Cell>& cells) {
  std::set<std::string> seen;
  for (const auto& cell : cells) {
    if (!method_of(cell.options).has_network || cell.options.get<InitOptions>().init.empty() ||
        cell.options.get<InitOptions>().pretrain != "none")
      continue;
    if (!seen.insert(cell.options.get<InitOptions>().init + "\n" +
                     cell.options.get<ArchOptions>().arch + "\n" +
                     cell.options.get<InitOptions>().init_prefix +
                     (cell.options.get<InitOptions>().init_partial ? "\npartial" : ""))
             .second)
      continue;
    Options options = cell.options;
    options.get<InitOptions>().init.clear();
    Encoder encoder = make_encoder(options, cell.seed);
    LoadReport report = load_initial_weights(encoder, cell.options);
    const auto classifier = std::erase_if(
        report.unexpected, [](const std::string& name) { return name.starts_with("fc."); });
    const std::string prefix = report.prefix.empty() ? "" : " under '" + report.prefix + "'";
    const std::string outside =
        report.outside > 0 ? fmt::format("; {} elsewhere in the file", report.outside) : "";
    say("{}: {} tensors{} loaded into the backbone; missing: {}; unexpected: {}{}\n",
        cell.options.get<InitOptions>().init, report.loaded, prefix,
        list_names(without_counters(report.missing), 3),
        list_names(without_counters(report.unexpected), 3), outside);
    if (classifier > 0)
      say("{}: its fc layer is skipped, because a backbone ends before it\n",
          cell.options.get<InitOptions>().init);
  }
}

void warn_about_queues(const std::vector<Cell>& cells) {
  std::set<std::pair<const DataFacts*, std::int64_t>> told;
  for (const auto& cell : cells)
    if (method_of(cell.options).uses<MomentumContrastOptions>() &&
        cell.options.get<MomentumContrastOptions>().queue_size > cell.facts->training_images &&
        told.insert({cell.facts, cell.options.get<MomentumContrastOptions>().queue_size}).second)
      say("warning: queue-size = {} is larger than the training set of {} images: the queue holds "
          "{:.1f} epochs of keys, so a sample's negatives include its own older keys\n",
          cell.options.get<MomentumContrastOptions>().queue_size, cell.facts->training_images,
          static_cast<double>(cell.options.get<MomentumContrastOptions>().queue_size) /
              static_cast<double>(cell.facts->training_images));
}

}  // namespace lcr
