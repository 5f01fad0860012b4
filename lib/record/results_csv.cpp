#include "lcr/record/results_csv.h"

#include <cstring>

#include "lcr/base/csv.h"
#include "lcr/base/text.h"

namespace lcr {

std::size_t result_column(const char* name) {
  for (std::size_t i = 0; i < kResultColumns.size(); ++i)
    if (std::strcmp(kResultColumns[i], name) == 0) return i;
  throw std::logic_error(std::string("no results column ") + name);
}

void write_results(const std::filesystem::path& path, const std::vector<ResultRow>& rows) {
  std::string text = csv_line({kResultColumns.begin(), kResultColumns.end()});
  for (const auto& row : rows) text += csv_line({row.begin(), row.end()});
  write_atomic(path, text);
}

std::vector<ResultRow> read_results(const std::filesystem::path& path) {
  auto rows = read_csv(path, kResultColumns);
  for (const auto& row : rows) {
    const auto schema = parse_integer(row[result_column("schema")]);
    if (!schema || *schema < 1 || *schema > kResultsSchema)
      fail("{}: a row has schema '{}'; this program reads up to {}", path.string(), row[result_column("schema")], kResultsSchema);
  }
  return rows;
}

}  // namespace lcr
