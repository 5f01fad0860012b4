// The retrieval that every run records: after every evaluated epoch of a training, or once.
#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"
#include "lcr/experiment/training_record.h"

namespace lcr {

/// The protocol in words. Its hash is in every row: numbers with different evaluation hashes were
/// not measured in the same way.
std::string retrieval_protocol(const Options& o);

/// Average pooling and the method's own.
std::vector<std::string> recorded_poolings(const Options& options);

/// Retrieval on the test split by the recorded_poolings(), shared by the network's ranks.
Evaluation evaluate_retrieval(const EvaluatedNetwork& network, const Dataset& data);

}  // namespace lcr
