// A table of measured values next to the paper's, and its output formats.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lcr {

/// One measured cell and the value that the paper prints for it.
struct TableCell {
  std::vector<double> ours;     ///< one value per seed; empty: not run
  std::optional<double> paper;  ///< empty if the paper has none
};

struct TableRow {
  std::string name;
  std::string pooling;           ///< empty if the columns name theirs
  std::vector<TableCell> cells;  ///< one per heading
};

/// Rows with the same columns: one selection of epochs on one data set.
struct TableBlock {
  std::string title;
  std::string dataset;  ///< ours, as in --dataset; empty: not run
  std::string paper_dataset;
  std::string part;            ///< the options that restrict the data set; empty: all of it
  bool test_selected = false;  ///< of the best epoch on the test split
  bool differences = false;    ///< of two selections: shown with their sign
  int decimals = 2;            ///< of the values
  std::vector<std::string> headings;
  std::vector<TableRow> rows;
  /// Whether ours and the paper's were measured on the same images, so that differences make sense.
  bool comparable() const { return dataset == paper_dataset && part.empty(); }
  /// Whether the paper has any value here.
  bool published() const;
};

struct Table {
  std::string title;
  /// Below the table: data set, device, which data set stands in for which.
  std::vector<std::string> notes;
  std::vector<TableBlock> blocks;
};

// Blocks that were not run are one line, but for CSV.
std::string to_markdown(const Table& table);
std::string to_latex(const Table& table);  ///< needs booktabs
std::string to_csv(const Table& table);
/// A fragment, without title. Test-selected blocks and the notes are folded.
std::string to_html(const Table& table);

/// Text for HTML.
std::string escape_html(const std::string& text);

}  // namespace lcr
