#include <algorithm>

#include <fmt/core.h>

#include "lcr/evaluate/principal_alignment.h"
#include "lcr/evaluate/projection_panel.h"
#include "lcr/evaluate/projections.h"
#include "lcr/evaluate/projections_spec.h"
#include "lcr/evaluate/protocol.h"

namespace lcr {
namespace {

void run_projections(EvaluationContext& context) {
  const ImageSet& images = context.options.get<ProjectionOptions>().variance_images == "test"
                               ? context.data.test
                               : context.data.train;
  const torch::Tensor variance = projection_variance(*context.network, images);
  const auto ranked = rank_projections(variance);
  for (std::size_t r = 0; r < ranked.size(); ++r)
    context.add("attention", "projection_variance",
                fmt::format("rank={};projection={}", r + 1, ranked[r]),
                variance[ranked[r]].item<double>());
  const std::int64_t directions =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(ranked.size()) / 2, 1, 8);
  const PrincipalAlignment alignment =
      principal_alignment(*context.network, images, ranked, directions);
  const std::string detail = fmt::format("directions={}", directions);
  for (std::size_t i = 0; i < alignment.angles.size(); ++i)
    context.add("attention", "principal_angle", fmt::format("{};index={}", detail, i + 1),
                alignment.angles[i]);
  context.add("attention", "alignment_top", detail, alignment.top);
  context.add("attention", "alignment_bottom", detail, alignment.bottom);
  context.add("attention", "alignment_chance", detail, alignment.chance);
  context.add("attention", "captured_top", detail, alignment.captured_top);
  context.add("attention", "captured_bottom", detail, alignment.captured_bottom);
  context.add("attention", "captured_principal", detail, alignment.captured_principal);
  draw_projection_panel(*context.network, context.data.test, ranked, variance,
                        context.options.get<ProjectionOptions>().panel_images, context.seed,
                        context.directory / (context.file_prefix + "-projections.png"));
  context.advance("projections");
}

}  // namespace

ProtocolProgram projections_program() {
  return {.name = "projections", .run = run_projections, .steps = [](const Options&) {
            return std::int64_t{1};
          }};
}

}  // namespace lcr
