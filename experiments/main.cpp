// The main function of every experiment and of `reproduce`, which runs all of them.
#include "lcr/experiment/experiment.h"

int main(int argc, char** argv) { return lcr::run_registered_experiments(argc, argv); }
