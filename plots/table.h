// A table of measured values beside the paper's, and its forms.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lcr {

/// One measured cell and what the paper prints in its place.
struct TableCell {
  std::vector<double> ours;     ///< one value a seed; empty: not run
  std::optional<double> paper;  ///< empty where the paper has none
};

struct TableRow {
  std::string name, pooling;     ///< pooling: empty where the columns name theirs
  std::vector<TableCell> cells;  ///< one a heading
};

/// Rows with the same columns: one selection of epochs on one data set.
struct TableBlock {
  std::string title;
  std::string dataset;  ///< ours, as in --dataset; empty: not run
  std::string paper_dataset;
  std::vector<std::string> headings;
  std::vector<TableRow> rows;
  /// Ours and the paper's were measured on the same data set: differences make sense.
  bool comparable() const { return dataset == paper_dataset; }
  /// Whether the paper has any value here.
  bool published() const;
};

struct Table {
  std::string title;
  std::vector<std::string> notes;  ///< below the table: data set, device, what stands in for what
  std::vector<TableBlock> blocks;
};

std::string to_markdown(const Table& table);
std::string to_latex(const Table& table);  ///< needs booktabs
std::string to_csv(const Table& table);
std::string to_html(const Table& table);  ///< a fragment, without title

/// Text for HTML.
std::string escape_html(const std::string& text);

}  // namespace lcr
