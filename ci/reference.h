// Reference values: what a set of runs measured when it was known to be right, with everything
// needed to compare against it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ci/measured.h"

namespace lcr::check {

/// Which change is a regression.
enum class Direction {
  kHigher,  ///< higher is better: scores
  kLower,   ///< lower is better: errors
  kSteady,  ///< neither is: training losses. A defect lowers them as easily as it raises them (no
            ///< augmentation, a dead queue), so any change counts
};

/// Of a metric by its name: "..._loss" is steady, "..._error" lower, all else (scores) higher.
Direction direction_of(const std::string& metric);
const char* direction_name(Direction direction);

struct ReferenceRow {
  MeasuredRow measured;
  Direction direction = Direction::kHigher;
  /// A mean of `floor_seeds` or more seeds outside these is a regression, whatever a test says.
  /// Empty where the direction has no use for it.
  std::optional<double> floor, ceiling;
};

struct Reference {
  std::string name;      ///< of the preset or tag
  std::string recorded;  ///< the day, YYYY-MM-DD
  Origin origin;
  double floor_level = 0.01;  ///< chance of a mean outside any of the floors and ceilings, all rows
                              ///< together, if nothing has changed
  std::size_t floor_seeds = 3;  ///< that a mean must have for them to apply
  std::vector<ReferenceRow> rows;
  ConfigTexts configs;
};

/// The metrics that are compared where nobody chooses: the smooth ones (rank-1 of few images comes
/// in steps, and says what mAP says) and the training losses.
inline constexpr const char* kDefaultMetrics =
    "mean_average_precision,probe_top1,cached_probe_top1,knn_top1,contrastive_loss,byol_loss,"
    "classification_loss,kl_loss";

/// Makes a reference of the rows of `metrics` (names, comma-separated) that have at least `fewest`
/// seeds. Floors lie at the prediction bound of a mean of `floor_seeds` seeds
/// (prediction_margin()), at floor_level shared equally by all rows. Rows whose seeds all gave the
/// same number are left out. Throws UserError on a metric that nothing has (the default ones
/// excepted).
Reference make_reference(const Measured& measured, const std::string& metrics, std::size_t fewest,
                         double floor_level = 0.01, std::size_t floor_seeds = 3);

/// Writes <folder>/metrics.json. One that is there already is first kept as
/// <folder>/archive/metrics-<its day>.json (a number is added where that is taken).
void write_reference(const std::filesystem::path& folder, const Reference& reference);

/// Throws UserError if <folder>/metrics.json is missing, damaged, or of another format version.
Reference read_reference(const std::filesystem::path& folder);

/// Copies a JSON file of references, readable or not, to archive/<stem>-<its day>.json beside it,
/// before it is written anew.
void archive(const std::filesystem::path& file);

/// Today's date in UTC.
std::string today();

}  // namespace lcr::check
