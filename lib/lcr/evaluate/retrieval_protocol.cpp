#include <fmt/core.h>

#include "lcr/evaluate/protocol.h"
#include "lcr/evaluate/retrieval.h"

namespace lcr {
namespace {

void run_retrieval(EvaluationContext& context) {
  const torch::Tensor labels = context.labels(context.data.test);
  for (const auto& [pooling, x] : context.test) {
    const RetrievalScores scores = leave_one_out_retrieval(x, labels);
    for (const std::int64_t k : {1, 5, 10})
      context.add(pooling, fmt::format("rank{}", k), "",
                  scores.rank[static_cast<std::size_t>(k - 1)]);
    context.add(pooling, "mean_average_precision", "", scores.mean_average_precision);
    context.add(pooling, "queries_without_match", "", static_cast<double>(scores.without_match));
  }
}

}  // namespace

ProtocolProgram retrieval_program() { return {.name = "retrieval", .run = run_retrieval}; }

}  // namespace lcr
