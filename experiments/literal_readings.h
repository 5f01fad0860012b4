// The two literal readings of the method, as rows of tables.
#pragma once

#include "lcr/evaluate/protocol_spec.h"
#include "lcr/experiment/experiment.h"

namespace lcr {

/// LCR as Algorithm A1 is printed or as the authors' code is: with the weight and temperature that
/// belong to the variant, not the preset's, which are for rescaled maps. variant: "algorithm_a1" or
/// "authors_code"; tau: temperature of both softmaxes (paper: 0.4; authors' code: 1).
inline Settings literal_reading(const char* variant, const char* tau) {
  return {{"method", "lcr"},
          {"variant", variant},
          {"tau", tau},
          {"kl-reduction", "sum"},
          {"nu", "0.01"}};
}

/// `evaluation` with the mask normalised over the evaluation batch, as the authors' test code does;
/// none if --eval-mask-norm batch makes every evaluation so.
inline std::vector<Settings> as_the_authors_test(const Options& options, Settings evaluation) {
  if (options.get<lcr::EvaluationOptions>().eval_mask_norm == "batch") return {};
  evaluation.emplace_back("eval-mask-norm", "batch");
  return {evaluation};
}

}  // namespace lcr
