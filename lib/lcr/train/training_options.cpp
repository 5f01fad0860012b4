#include "lcr/train/training_options.h"

#include "lcr/base/error.h"
#include "lcr/config/section.h"

namespace lcr {

namespace {

const Condition kLars{[](const Options& o) { return o.get<TrainingOptions>().optimizer == "lars"; },
                      "optimizer = lars"};

}  // namespace

std::vector<OptionSpec> training_options() {
  Section<TrainingOptions> s("Training");
  s.number("epochs", &TrainingOptions::epochs, "epochs",
           "length of the training, and of its cosine schedule unless schedule-epochs is "
           "given",
           1, 100000);
  s.choice("optimizer", &TrainingOptions::optimizer,
           "optimiser; lars scales the learning rate of each weight by the norms of the "
           "weight and its gradient",
           {"sgd", "lars"});
  s.number("lars-trust", &TrainingOptions::lars_trust, "", "trust coefficient of LARS", kSmall,
           1000, kLars);
  s.choice("schedule", &TrainingOptions::schedule,
           "interval at which the cosine schedule updates the learning rate (epoch: MoCo, "
           "the paper)",
           {"epoch", "step"});
  s.number("schedule-epochs", &TrainingOptions::schedule_epochs, "epochs",
           "length of the cosine schedule if training stops before its end (0: same as "
           "epochs)",
           0, 100000);
  s.number("warmup-epochs", &TrainingOptions::warmup_epochs, "epochs",
           "length of the warm-up, in which the learning rate rises linearly, step by step", 0,
           100000);
  s.number("lr", &TrainingOptions::lr, "",
           "initial learning rate; the cosine schedule lowers it to 0", 0, 1000);
  s.number("sgd-momentum", &TrainingOptions::sgd_momentum, "", "momentum of SGD and LARS", 0,
           0.9999);
  s.number("weight-decay", &TrainingOptions::weight_decay, "",
           "weight decay of all parameters (lars: all but biases and batch norm)", 0, 1);
  return s.rows();
}

void check_training(const Options& options) {
  const auto& training = options.get<TrainingOptions>();
  if (training.warmup_epochs >= training.epochs)
    fail("warmup-epochs = {} must be less than epochs = {}", training.warmup_epochs,
         training.epochs);
  if (training.schedule_epochs != 0 && training.schedule_epochs < training.epochs)
    fail("schedule-epochs = {} must be 0 or at least epochs = {}", training.schedule_epochs,
         training.epochs);
}

}  // namespace lcr
