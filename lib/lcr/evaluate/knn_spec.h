// kNN as a component.
#pragma once

#include "lcr/evaluate/protocol_spec.h"

namespace lcr {

struct KnnOptions {
  std::string knn_neighbours = "1,200";
  double knn_temperature = 0.1;
};

inline std::vector<OptionSpec> knn_options() {
  Section<KnnOptions> s("Protocols", OptionPart::kEvaluation);
  s.text("knn-neighbours", &KnnOptions::knn_neighbours, "",
         "comma-separated numbers of training images that vote; each gives a score; of the "
         "default those are left out that are more than there are training images");
  s.number("knn-temperature", &KnnOptions::knn_temperature, "", "temperature of the votes", kSmall,
           1000);
  return s.rows();
}

/// Votes of the nearest training images (Wu et al. 2018).
inline ProtocolSpec knn_spec() {
  return {.name = "knn", .options = {option_group<KnnOptions>(knn_options)}};
}

}  // namespace lcr
