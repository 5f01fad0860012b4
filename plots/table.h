// A table of measured values beside the paper's, and its three forms.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lcr {

/// One measured cell and what the paper prints in its place.
struct TableCell {
  std::vector<double> ours;     ///< one value a seed
  std::optional<double> paper;  ///< empty where the paper has none
};

struct TableRow {
  std::string name, pooling;
  std::vector<TableCell> cells;  ///< one a metric
};

/// One block of rows: the same selection of epochs.
struct TableBlock {
  std::string title;
  std::vector<TableRow> rows;
};

struct Table {
  std::string title;
  std::vector<std::string> metrics;  ///< headings
  std::vector<std::string> notes;    ///< below the table: data set, device, what stands in for what
  std::string dataset, paper_dataset;
  bool comparable = false;           ///< ours and the paper's were measured on the same data set: differences make sense
  std::vector<TableBlock> blocks;
};

std::string to_markdown(const Table& table);
std::string to_latex(const Table& table);
std::string to_csv(const Table& table);

}  // namespace lcr
