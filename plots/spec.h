// What an experiment's table and figure show: plots/specs/<id>.json, written by hand.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lcr {

/// A column of a table: one metric.
struct ColumnSpec {
  std::string heading;
  /// Alternatives: the first of these that the results have is shown.
  std::vector<std::string> metrics;
  /// "own" (each method's own), a pooling, or for localisation a source of maps.
  std::string pooling;
  /// "label-share=0.5": must occur in the results' options column.
  std::vector<std::string> options;
  std::string published;  ///< metric in results/paper
};

/// A block of a table: one selection of epochs.
struct BlockSpec {
  std::string title;
  std::string selection;             ///< "last", "best_each", ...
  std::string minus;                 ///< a second selection, subtracted seed by seed; "": none
  std::vector<std::string> options;  ///< as in ColumnSpec, for all columns
  int decimals = 2;                  ///< of the values, 0 to 6
  std::vector<ColumnSpec> columns;
};

struct FigureSpec {
  /// "sweep": a metric over an option; "curves": a metric over epochs, one line per row;
  /// "differences": each row minus the baseline, seed by seed, with 95 % intervals; "panel": a
  /// picture that the experiment writes; "": no figure.
  std::string kind;
  std::string x;        ///< sweep: the option on the x axis
  std::string x_label;  ///< label of the x axis
  bool log2 = false;    ///< sweep: logarithmic x axis
  std::string metric, y_label;
  std::string baseline;  ///< row drawn as a horizontal line; differences: the row subtracted
  std::string caption;
};

struct PlotSpec {
  std::string id, title;
  /// The data sets of the paper. A stand-in replaces the first that was not run.
  std::vector<std::string> paper_datasets;
  std::vector<BlockSpec> blocks;  ///< empty: no table
  FigureSpec figure;
  std::vector<std::string> notes;
};

/// Reads a specification. Throws UserError with the file and what is wrong in it.
PlotSpec read_plot_spec(const std::filesystem::path& path);

/// All specifications in a folder, sorted by id. Throws UserError if there is none.
std::vector<PlotSpec> read_plot_specs(const std::filesystem::path& folder);

}  // namespace lcr
