#include "lcr/experiment/run_retrieval.h"

#include <fmt/core.h>

#include "lcr/evaluate/protocol_spec.h"
#include "lcr/evaluate/retrieval.h"
#include "lcr/image/view_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"

namespace lcr {

std::string retrieval_protocol(const Options& o) {
  std::string text = fmt::format(
      "retrieval: leave-one-out on the test split, dot product of unit-length features, ties to "
      "the lower index\nimage_size={}\ntest_resize={}\n",
      o.get<InputOptions>().image_size, o.get<InputOptions>().test_resize);
  if (o.get<InputOptions>().test_interpolation != "bilinear")
    text += "test_interpolation=" + o.get<InputOptions>().test_interpolation + "\n";
  if (method_of(o).uses<LcrOptions>())
    text += "mask_norm=" + o.get<EvaluationOptions>().eval_mask_norm + "\n";
  if (method_of(o).uses<LcrOptions>() && o.get<EvaluationOptions>().eval_mask_norm == "batch")
    text += fmt::format("batch={}\n", kEvaluationBatch);
  return text;
}

std::vector<std::string> recorded_poolings(const Options& options) {
  std::vector<std::string> poolings = {"average"};
  if (method_of(options).judged_by != "average") poolings.push_back(method_of(options).judged_by);
  return poolings;
}

Evaluation evaluate_retrieval(const EvaluatedNetwork& network, const Dataset& data) {
  const torch::Tensor labels = class_labels(data.test, network.device);
  Evaluation scores;
  for (const auto& [pooling, features] :
       extract_features(network, data.test, test_views(data.test, network.options),
                        recorded_poolings(network.options)))
    scores[pooling] = leave_one_out_retrieval(features, labels, kQueryChunk, network.ranks);
  return scores;
}

}  // namespace lcr
