// The list of evaluation protocols. protocols.cpp lists what they do.
#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/evaluate/knn_spec.h"
#include "lcr/evaluate/localisation_spec.h"
#include "lcr/evaluate/probe_spec.h"
#include "lcr/evaluate/projections_spec.h"
#include "lcr/evaluate/protocol_spec.h"

namespace lcr {
namespace {

std::vector<ProtocolSpec>& protocol_registry() {
  static std::vector<ProtocolSpec> specs = {
      {.name = "retrieval"}, knn_spec(), probe_spec(), localisation_spec(), projections_spec(),
  };
  return specs;
}

/// poolings.cpp lists what they do.
std::vector<std::string>& pooling_name_registry() {
  static std::vector<std::string> names = {"average",    "bilinear",   "attention",
                                           "activation", "random_gfb", "oracle"};
  return names;
}

}  // namespace

const std::vector<ProtocolSpec>& protocols() { return protocol_registry(); }

RegisteredProtocolSpec::RegisteredProtocolSpec(ProtocolSpec spec) {
  protocol_registry().push_back(std::move(spec));
}

const ProtocolSpec& find_protocol(const std::string& name) {
  for (const auto& spec : protocols())
    if (spec.name == name) return spec;
  const auto names = names_of(protocols());
  fail("protocols: '{}' is not one of {}; the nearest is {}", printable(name), join(names, ", "),
       nearest_name(name, names));
}

bool has_protocol(const Options& options, const std::string& name) {
  const auto chosen = split(options.get<ProtocolOptions>().protocols, ',');
  return std::find(chosen.begin(), chosen.end(), name) != chosen.end();
}

const std::vector<std::string>& pooling_names() { return pooling_name_registry(); }

std::vector<std::string> pooling_choices() {
  std::vector<std::string> choices = {"own"};
  choices.insert(choices.end(), pooling_names().begin(), pooling_names().end());
  return choices;
}

RegisteredPoolingName::RegisteredPoolingName(std::string name) {
  pooling_name_registry().push_back(std::move(name));
}

std::vector<OptionSpec> eval_every_options() {
  Section<EvaluationOptions> s("Evaluation");
  s.number("eval-every", &EvaluationOptions::eval_every, "epochs",
           "interval between evaluations on the test split; there is always one after the "
           "last epoch",
           1, 100000);
  return s.rows();
}

std::vector<OptionSpec> eval_mask_norm_options() {
  Section<EvaluationOptions> s("Evaluation");
  s.choice("eval-mask-norm", &EvaluationOptions::eval_mask_norm,
           "scope of the mask's min-max normalisation at test time (batch: depends on the "
           "other images of the batch, as in the authors' code)",
           {"batch", "image", "none"});
  return s.rows();
}

std::vector<OptionSpec> protocol_options() {
  Section<ProtocolOptions> s("Protocols", OptionPart::kEvaluation);
  // The table of options keeps the pointers; protocols and poolings register before main() starts.
  static const std::string names =
      "comma-separated names out of " + join(names_of(protocols()), ", ");
  s.text("protocols", &ProtocolOptions::protocols, "", names.c_str());
  static const std::string poolings = "comma-separated names out of own (the method's), " +
                                      join(pooling_names(), ", ") +
                                      "; empty: all that the network and the data allow";
  s.text("poolings", &ProtocolOptions::poolings, "", poolings.c_str());
  s.text("checkpoint", &ProtocolOptions::checkpoint, "",
         "checkpoint to evaluate: last, best_rank1 or epoch-N");
  s.choice("bn-statistics", &ProtocolOptions::bn_statistics,
           "batch norm statistics: as_trained, or recalibrated on clean training images",
           {"as_trained", "recalibrated"});
  s.number("random-projections", &ProtocolOptions::random_projections, "",
           "number K of projections of the untrained GFB that the pooling random_gfb uses", 1,
           65536);
  auto table = s.rows();
  for (const auto& spec : protocols())
    for (const auto& group : spec.options)
      for (auto& option : only_when(group.rows(), {[name = spec.name](const Options& o) {
                                                     return has_protocol(o, name);
                                                   },
                                                   "protocols include " + spec.name}))
        table.push_back(std::move(option));
  return table;
}

}  // namespace lcr
