#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/base/signals.h"
#include "lcr/data/object_region.h"
#include "lcr/evaluate/localisation.h"
#include "lcr/evaluate/protocol.h"
#include "lcr/image/augment.h"
#include "lcr/image/view_options.h"
#include "lcr/method/gradcam.h"

namespace lcr {
namespace {

/// The attention maps of one batch of test views, by source.
std::map<std::string, torch::Tensor> attention_maps(EvaluationContext& context, std::int64_t start,
                                                    std::int64_t count) {
  std::map<std::string, torch::Tensor> maps;
  const torch::Tensor query =
      render_batch(test_views(context.data.test, context.options), start, count, *context.network);
  {
    const torch::NoGradGuard no_grad;
    const torch::Tensor map = context.network->encoder->feature_map(query);
    if (context.network->gfb)
      maps["attention"] = normalise_mask(context.network->gfb->forward(map),
                                         context.options.get<EvaluationOptions>().eval_mask_norm);
    maps["random_gfb"] = normalise_mask(context.network->random_gfb->forward(map),
                                        context.options.get<EvaluationOptions>().eval_mask_norm);
    maps["activation_norm"] = map.norm(2, 1);
    maps["uniform"] = torch::ones_like(maps["activation_norm"]);
  }
  if (!context.host) return maps;
  // A GradCAM needs a pair of views: here the test view and a random key view of the same image,
  // drawn as in training.
  const RngKey key(context.seed, "localisation keys");
  const RenderView key_views = [&](std::int64_t i, std::span<std::uint8_t> out) {
    const ImageView image = context.data.test.image(i);
    const CounterRng rng(key, static_cast<std::uint32_t>(i));
    render_view(image.pixels, image.height, image.width,
                draw_view(rng, image.height, image.width, training_recipe(context.options, 1)),
                context.options.get<InputOptions>().image_size, out);
  };
  const Batch batch{{query, render_batch(key_views, start, count, *context.network)}, {}, 0};
  for (const char* source : {"loss", "positive_logit"})
    maps[std::string("gradcam_") + source] = objective_cam(*context.host, batch, source);
  return maps;
}

void run_localisation(EvaluationContext& context) {
  const std::string truth = object_ground_truth(context.data.test);
  std::map<std::string, Localisation> found;
  for (std::int64_t start = 0; start < context.data.test.count(); start += kEvaluationBatch) {
    if (stop_requested())
      throw Interrupted("stopped by a signal during localisation; its results are discarded");
    const std::int64_t count = std::min(kEvaluationBatch, context.data.test.count() - start);
    const torch::Tensor regions = object_regions(context.data.test, start, count, *context.network);
    for (const auto& [source, maps] : attention_maps(context, start, count))
      found[source].add(maps, regions);
  }
  const std::string detail = "ground-truth=" + truth;
  for (const auto& [source, localisation] : found) {
    const LocalisationScores scores = localisation.scores();
    context.add(source, "pointing_game", detail, scores.pointing);
    context.add(source, "mass_inside", detail, scores.mass);
    context.add(source, "iou", detail, scores.iou);
    context.add(source, "iou_threshold", detail, scores.threshold);
    if (source != "uniform") continue;
    context.add(source, "object_area", detail, scores.area);
    context.add(source, "images_cut_off", detail, static_cast<double>(scores.cut_off));
  }
  context.advance("localisation");
}

}  // namespace

ProtocolProgram localisation_program() {
  return {.name = "localisation", .run = run_localisation, .steps = [](const Options&) {
            return std::int64_t{1};
          }};
}

}  // namespace lcr
