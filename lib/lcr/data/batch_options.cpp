#include "lcr/data/batch_options.h"

#include "lcr/config/section.h"

namespace lcr {

std::vector<OptionSpec> batch_options() {
  Section<BatchOptions> s("Training");
  s.number("batch-size", &BatchOptions::batch_size, "images",
           "batch size N; an epoch's incomplete last batch is dropped", 1, 65536);
  s.number("ranks", &BatchOptions::ranks, "ranks",
           "number of data-parallel ranks, which share each batch and the threads; on CUDA "
           "they are assigned to the devices in turn",
           1, 1024);
  return s.rows();
}

}  // namespace lcr
