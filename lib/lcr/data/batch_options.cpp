#include "lcr/data/batch_options.h"

#include "lcr/config/section.h"

namespace lcr {

std::vector<OptionSpec> batch_options() {
  Section<BatchOptions> s("Training");
  s.number("batch-size", &BatchOptions::batch_size, "images",
           "batch size N; an epoch's incomplete last batch is dropped", 1, 65536);
  s.number(
      "ranks", &BatchOptions::ranks, "ranks",
      "number of data-parallel ranks, which share each batch: processes of this machine, which "
      "share its threads or take its CUDA devices in turn, or those that a launcher started",
      1, 1024);
  return s.rows();
}

}  // namespace lcr
