#include "lcr/method/host_options.h"

#include "lcr/base/error.h"
#include "lcr/config/section.h"
#include "lcr/method/method_spec.h"

namespace lcr {

std::vector<OptionSpec> host_options() {
  Section<HostOptions> s("Method");
  s.number("embedding-dim", &HostOptions::embedding_dim, "",
           "dimension of the contrastive embedding (Table G1) or of BYOL's projection", 1, 65536);
  s.number("virtual-gpus", &HostOptions::virtual_gpus, "GPUs",
           "number of GPUs whose joint training one device repeats, with the same results as "
           "that many ranks: batch norm, batch-wise masks, GradCAM and KL loss by their "
           "shares of the batch",
           1, 1024);
  return s.rows();
}

std::vector<OptionSpec> moving_average_options() {
  Section<MovingAverageOptions> s("Method");
  s.number("key-momentum", &MovingAverageOptions::key_momentum, "",
           "momentum m of the key encoder (BYOL: of the target network)", 0, 1);
  return s.rows();
}

std::vector<OptionSpec> predictor_options() {
  Section<PredictorOptions> s("Method");
  s.number("head-hidden", &PredictorOptions::head_hidden, "",
           "hidden units of the predictor, and of BYOL's projector", 1, 65536);
  return s.rows();
}

std::vector<OptionSpec> momentum_contrast_options() {
  Section<MomentumContrastOptions> s("Method");
  s.number("queue-size", &MomentumContrastOptions::queue_size, "keys",
           "size Q of the key queue, a multiple of the batch size", 1, kMany);
  s.number("temperature", &MomentumContrastOptions::temperature, "",
           "temperature t of the contrastive loss", kSmall, 1000);
  s.number("key-bn-groups", &MomentumContrastOptions::key_bn_groups, "groups",
           "SplitBN: number of virtual devices per rank with their own batch norm statistics; "
           "keys are shuffled among all of them (1: plain batch norm)",
           1, 1024);
  s.flag("symmetric", &MomentumContrastOptions::symmetric,
         "also contrast the key view as the query (MoCo v2 and the paper do not)");
  return s.rows();
}

std::int64_t batch_norm_groups(const Options& options) {
  const MethodSpec& method = method_of(options);
  if (!method.is_self_supervised()) return 1;
  return options.get<HostOptions>().virtual_gpus *
         (method.uses<MomentumContrastOptions>()
              ? options.get<MomentumContrastOptions>().key_bn_groups
              : 1);
}

void check_batch(const Options& options) {
  const auto& [batch_size, ranks] = options.get<BatchOptions>();
  const MethodSpec& method = method_of(options);
  const std::int64_t key_groups = method.uses<MomentumContrastOptions>()
                                      ? options.get<MomentumContrastOptions>().key_bn_groups
                                      : 1;
  const std::int64_t groups = ranks * key_groups;
  if (batch_size % groups != 0)
    fail("batch-size = {} is not a multiple of ranks x key-bn-groups = {} x {}", batch_size, ranks,
         key_groups);
  if (batch_size / groups < 2)
    fail(
        "batch norm needs at least 2 images per group: raise batch-size = {} or lower ranks = {} "
        "or key-bn-groups = {}",
        batch_size, ranks, key_groups);
  const std::int64_t virtual_gpus =
      method.is_self_supervised() ? options.get<HostOptions>().virtual_gpus : 1;
  if (virtual_gpus > 1 && groups > 1)
    fail(
        "virtual-gpus = {} cannot be combined with ranks = {} or key-bn-groups = {}: set both to 1",
        virtual_gpus, ranks, key_groups);
  if (batch_size % virtual_gpus != 0)
    fail("batch-size = {} is not a multiple of virtual-gpus = {}", batch_size, virtual_gpus);
  if (batch_size / virtual_gpus < 2)
    fail(
        "batch norm needs at least 2 images per GPU: raise batch-size = {} or lower virtual-gpus = "
        "{}",
        batch_size, virtual_gpus);
}

void check_momentum_contrast(const Options& options) {
  const std::int64_t queue = options.get<MomentumContrastOptions>().queue_size;
  const std::int64_t batch = options.get<BatchOptions>().batch_size;
  if (queue % batch != 0)
    fail("queue-size = {} is not a multiple of batch-size = {}; choose, for example, {}", queue,
         batch, (queue / batch + 1) * batch);
}

}  // namespace lcr
