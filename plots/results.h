// An experiment's results, as tables and figures query them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lcr/record/results_csv.h"
#include "plots/spec.h"
#include "plots/table.h"

namespace lcr {

/// One published value.
struct PublishedValue {
  std::string row, dataset, metric, value, source;
};

/// results/<tag>/<id>.csv, checked.
class Results {
 public:
  /// Throws UserError on rows of another experiment, on a measurement that occurs twice, or if a
  /// row of the table mixes several configurations.
  Results(const std::filesystem::path& folder, const std::string& id);

  const std::vector<ResultRow>& rows() const { return rows_; }
  /// Distinct values of a column, in the file's order.
  std::vector<std::string> distinct(const char* column) const;
  /// The values of a row of the table on a data set, one per seed; empty if it was not run. If the
  /// block subtracts another selection: the differences of the runs that have both. Throws
  /// UserError if the specification leaves open which of several settings to show.
  std::vector<double> values(const std::string& row, const std::string& dataset,
                             const BlockSpec& block, const ColumnSpec& column) const;
  /// The values of a row minus those of another with the same seed, for the seeds that both have.
  std::vector<double> differences(const std::string& row, const std::string& other,
                                  const std::string& dataset, const BlockSpec& block,
                                  const ColumnSpec& column) const;
  /// The options that restrict a data set to a part of it ("classes=every-5, limit-test=500");
  /// empty if all of it was used, or if the folder lacks the experiment's configurations.
  std::string part_of(const std::string& dataset) const;
  /// The pooling by which a row is judged on a data set; empty if there is no such row.
  std::string pooling_of(const std::string& row, const std::string& dataset) const;

 private:
  struct RunValue {
    std::string run;  ///< its hash
    std::int64_t seed = 0;
    double value = 0;
  };
  /// In the file's order.
  using RunValues = std::vector<RunValue>;
  RunValues values_by_run(const std::string& row, const std::string& dataset,
                          const BlockSpec& block, const ColumnSpec& column,
                          const std::string& selection) const;

  std::filesystem::path path_;
  std::vector<ResultRow> rows_;
  ConfigTexts configs_;
};

/// The value of "name=value" in a results row's options column, if present.
std::optional<std::string> option_in(const std::string& options, const std::string& name);

/// results/paper/<id>.csv; empty if there is no such file. Throws UserError if it is malformed.
std::vector<PublishedValue> read_published(const std::filesystem::path& folder,
                                           const std::string& id);

/// The experiment's table. Throws UserError if the results do not fit the specification.
Table make_table(const PlotSpec& spec, const Results& results,
                 const std::vector<PublishedValue>& published);

/// "Measured on ..., LibTorch ..., commit ...", and which data set stands in for which.
std::vector<std::string> provenance_notes(const PlotSpec& spec, const Results& results);

}  // namespace lcr
