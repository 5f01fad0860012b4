#include "lcr/experiment/run_retrieval.h"

#include <fmt/core.h>

#include "lcr/evaluate/retrieval.h"

namespace lcr {

std::string retrieval_protocol(const Options& o) {
  std::string text = fmt::format(
      "retrieval: leave-one-out on the test split, dot product of unit-length features, ties to "
      "the lower index\nimage_size={}\ntest_resize={}\n",
      o.image_size, o.test_resize);
  if (o.test_interpolation != "bilinear")
    text += "test_interpolation=" + o.test_interpolation + "\n";
  if (uses_gfb(o)) text += "mask_norm=" + o.eval_mask_norm + "\n";
  if (uses_gfb(o) && o.eval_mask_norm == "batch")
    text += fmt::format("batch={}\n", kEvaluationBatch);
  return text;
}

std::vector<std::string> recorded_poolings(const Options& options) {
  std::vector<std::string> poolings = {"average"};
  if (own_pooling(options.method) != "average") poolings.push_back(own_pooling(options.method));
  return poolings;
}

Evaluation evaluate_retrieval(const EvaluatedNetwork& network, const Dataset& data,
                              const torch::Tensor& labels) {
  Evaluation scores;
  for (const auto& [pooling, features] :
       extract_features(network, data.test, test_views(data.test, network.options),
                        recorded_poolings(network.options)))
    scores[pooling] = leave_one_out_retrieval(features, labels);
  return scores;
}

}  // namespace lcr
