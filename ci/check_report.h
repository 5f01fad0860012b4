// The outcome of a check as a report: for a terminal, a pull request, a CI system, other programs.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace lcr::check {

enum class Status {
  kGood,
  kBad,
  kOpen,  ///< undecided or not applicable: CI systems show it as skipped
};

struct ReportLine {
  Status status = Status::kGood;
  std::string verdict;      ///< "regressed"
  std::string group, name;  ///< "main", "LCR (synthbirds), attention, mean_average_precision"
  std::vector<std::string> cells;  ///< one per column
  /// For json(): what the cells round, and more.
  std::vector<std::pair<std::string, double>> numbers;
  std::string reason;  ///< one sentence, or empty
};

struct CheckReport {
  std::string title;
  std::vector<std::string> columns;
  std::vector<ReportLine> lines;
  std::vector<std::string> notes;

  std::size_t count(Status status) const;
};

/// Aligned columns; each line that is not a pass has its reason below it.
std::string terminal_table(const CheckReport& report);
/// A heading, a table and the reasons of all that is not a pass, for a comment on a pull request.
std::string markdown(const CheckReport& report);
/// One test case per line: bad ones fail, open ones are skipped.
std::string junit_xml(const CheckReport& report);
/// All lines with their numbers; null for a number that is not finite.
std::string json(const CheckReport& report);

}  // namespace lcr::check
