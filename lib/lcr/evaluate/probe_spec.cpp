#include "lcr/evaluate/probe_spec.h"

#include "lcr/method/method_spec.h"

namespace lcr {
namespace {

std::string refuse_probe(const Options& options, bool) {
  const MethodSpec& method = method_of(options);
  if (method.has_network || options.get<ProbeProtocolOptions>().probe == "cached") return "";
  return "method " + method.name + " has no network: use probe = cached";
}

}  // namespace

std::vector<OptionSpec> probe_options() {
  Section<ProbeProtocolOptions> s("Protocols", OptionPart::kEvaluation);
  s.choice("probe", &ProbeProtocolOptions::probe,
           "training features; augmented: from new random crops and flips in every epoch, "
           "as in the authors' code; cached: extracted once, without augmentation",
           {"augmented", "cached"});
  s.text("probe-lr", &ProbeProtocolOptions::probe_lr, "",
         "comma-separated learning rates of the probe's SGD; each trains a probe");
  s.number("probe-epochs", &ProbeProtocolOptions::probe_epochs, "epochs",
           "length of the probe's training; its learning rate falls to a tenth after 60 % "
           "and after 80 %",
           1, 10000);
  s.number("probe-batch-size", &ProbeProtocolOptions::probe_batch_size, "images",
           "batch size of the probe", 1, 65536);
  s.text("label-shares", &ProbeProtocolOptions::label_shares, "",
         "comma-separated shares of the training labels that the probe sees, stratified by "
         "class");
  return s.rows();
}

ProtocolSpec probe_spec() {
  return {.name = "probe",
          .options = {option_group<ProbeProtocolOptions>(probe_options)},
          .refusal = refuse_probe};
}

}  // namespace lcr
