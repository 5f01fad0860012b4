// The main function of every experiment and of `reproduce`, which runs all of them.
#include "lcr/base/memory.h"
#include "lcr/experiment/experiment.h"

int main(int argc, char** argv) {
  lcr::use_huge_pages(argv);
  return lcr::run_registered_experiments(argc, argv);
}
