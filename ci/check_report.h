// The outcome of a check, for a terminal, a pull request, a CI system and other programs.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace lcr::check {

enum class Status {
  kGood,
  kBad,
  kOpen,  ///< not decided, or not applicable: CI systems show it as skipped
};

struct ReportLine {
  Status status = Status::kGood;
  std::string verdict;      ///< "regressed"
  std::string group, name;  ///< "main", "LCR (synthbirds), attention, mean_average_precision"
  std::vector<std::string> cells;  ///< one a column
  std::vector<std::pair<std::string, double>>
      numbers;         ///< for json(): what the cells round, and more
  std::string reason;  ///< one sentence, or empty
};

struct CheckReport {
  std::string title;
  std::vector<std::string> columns;
  std::vector<ReportLine> lines;
  std::vector<std::string> notes;

  std::size_t count(Status status) const;
};

/// Aligned columns; what is not good has its reason below it.
std::string terminal_table(const CheckReport& report);
/// A heading, a table, and what is not good spelled out: for a comment on a pull request.
std::string markdown(const CheckReport& report);
/// A test case a line; bad ones fail, open ones are skipped.
std::string junit_xml(const CheckReport& report);
std::string json(const CheckReport& report);

}  // namespace lcr::check
