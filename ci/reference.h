// Reference values: what a set of runs measured when the program was known to be right, with all
// that a comparison needs.
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
  /// Neither is: training losses. A defect lowers them as easily as it raises them (no
  /// augmentation, a dead queue), so any change counts.
  kSteady,
};

/// A metric's direction by its name: "..._loss" is steady, "..._error" lower, all else higher.
Direction direction_of(const std::string& metric);
const char* direction_name(Direction direction);

struct ReferenceRow {
  MeasuredRow measured;
  Direction direction = Direction::kHigher;
  /// A mean of at least `floor_seeds` seeds below the floor or above the ceiling is a regression,
  /// whatever a test says. Empty if the direction does not use it.
  std::optional<double> floor, ceiling;
};

struct Reference {
  std::string name;      ///< the preset or tag
  std::string recorded;  ///< the day in UTC, YYYY-MM-DD
  Origin origin;
  /// Probability that any row's mean lies beyond its floor or ceiling if nothing has changed.
  double floor_level = 0.01;
  std::size_t floor_seeds = 3;  ///< fewest seeds of a mean for floors and ceilings to apply
  std::vector<ReferenceRow> rows;
  ConfigTexts configs;
};

/// The metrics compared by default: the smooth ones (rank-1 of few images moves in steps and adds
/// nothing to mAP) and the training losses.
inline constexpr const char* kDefaultMetrics =
    "mean_average_precision,probe_top1,cached_probe_top1,knn_top1,contrastive_loss,byol_loss,"
    "simsiam_loss,classification_loss,kl_loss";

/// Makes a reference from the rows of `metrics` (comma-separated names) that have at least `fewest`
/// seeds. Floors lie at the prediction bound of a mean of `floor_seeds` seeds
/// (prediction_margin()), with floor_level divided equally among all rows. Leaves out rows whose
/// seeds all gave the same number. Throws UserError on a metric that no row has, unless `metrics`
/// is the default.
Reference make_reference(const Measured& measured, const std::string& metrics, std::size_t fewest,
                         double floor_level = 0.01, std::size_t floor_seeds = 3);

/// Writes <folder>/metrics.json. First keeps an existing one as
/// <folder>/archive/metrics-<its day>.json, with a number appended if that name is taken.
void write_reference(const std::filesystem::path& folder, const Reference& reference);

/// Throws UserError if <folder>/metrics.json is missing, damaged, or of another format version.
Reference read_reference(const std::filesystem::path& folder);

/// Copies a JSON file of references, readable or not, to archive/<stem>-<its day>.json in its
/// folder before it is overwritten.
void archive(const std::filesystem::path& file);

/// Today's date in UTC.
std::string today();

}  // namespace lcr::check
