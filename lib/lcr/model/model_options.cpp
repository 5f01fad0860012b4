#include "lcr/model/model_options.h"

#include "lcr/base/error.h"
#include "lcr/config/section.h"
#include "lcr/model/backbones.h"

namespace lcr {
namespace {

const Condition kInit{kAlways.holds, "--init is given"};

}  // namespace

std::vector<OptionSpec> arch_options() {
  Section<ArchOptions> s("Model");
  s.choice("arch", &ArchOptions::arch,
           "backbone; narrow: one basic block per stage, stage strides 1 2 2 1, for quick runs",
           names_of(backbones()));
  s.number("bn-eps", &ArchOptions::bn_eps, "", "epsilon of batch norm in the backbone", 1e-12, 1);
  return s.rows();
}

std::vector<OptionSpec> narrow_options() {
  Section<NarrowOptions> s("Model");
  s.number("width", &NarrowOptions::width, "channels",
           "width of the narrow network's first stage; the last has 8 times as many channels", 1,
           1024);
  return s.rows();
}

std::vector<OptionSpec> resnet_options() {
  Section<ResNetOptions> s("Model");
  s.choice("stem", &ResNetOptions::stem,
           "first layers of the backbone; imagenet: 7x7 convolution with stride 2 and "
           "max-pooling; imagenet_no_pool: without the pooling (the authors' BYOL: 14x14 maps "
           "at 224 pixels); cifar: 3x3 convolution with stride 1",
           {"imagenet", "imagenet_no_pool", "cifar"});
  return s.rows();
}

std::vector<OptionSpec> bottleneck_options() {
  Section<BottleneckOptions> s("Model");
  s.flag("stride-in-1x1", &BottleneckOptions::stride_in_1x1,
         "put a bottleneck's stride on its first 1x1 convolution (original Caffe models), not "
         "on the 3x3");
  return s.rows();
}

std::vector<OptionSpec> init_options() {
  Section<InitOptions> s("Model");
  s.affects(OptionPart::kControl);
  s.text(
      "init", &InitOptions::init, "",
      "file of backbone weights to start from (safetensors, or an output of torch.save; its "
      "content decides, not its name); empty: random; the row 'Untrained network' then evaluates "
      "these weights "
      "as read");
  s.affects(OptionPart::kRun);
  s.text("init-prefix", &InitOptions::init_prefix, "",
         "prefix of the backbone's tensor names in --init, for example "
         "state_dict.module.encoder_q. ('.': the names have none; empty: detected)",
         kInit);
  s.flag("init-partial", &InitOptions::init_partial,
         "start from --init even if it lacks tensors of the backbone, which then stay random, "
         "or has more of them; marked in the results",
         kInit);
  s.affects(OptionPart::kControl);
  s.choice("pretrain", &InitOptions::pretrain,
           "synthbirds: start from a supervised run on synthbirds-standin (section [standin] "
           "of the preset), trained once; cannot be combined with --init",
           {"none", "synthbirds"});
  return s.rows();
}

std::vector<OptionSpec> precision_options() {
  Section<PrecisionOptions> s("Training");
  s.choice("precision", &PrecisionOptions::precision,
           "precision of the backbone; auto: bfloat16 on CUDA and on CPUs with AVX512_BF16 "
           "or AMX",
           {"auto", "float32", "bfloat16"});
  return s.rows();
}

void check_init(const Options& options) {
  const auto& init = options.get<InitOptions>();
  if (init.pretrain != "none" && !init.init.empty())
    fail("init = {} and pretrain = {} cannot be combined; choose one", init.init, init.pretrain);
}

}  // namespace lcr
