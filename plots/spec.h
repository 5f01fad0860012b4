// What an experiment's table and figure show: plots/specs/<id>.json, which a person can read.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lcr {

/// A column of a table: one metric.
struct ColumnSpec {
  std::string heading;
  std::vector<std::string> metrics;  ///< the first of these that the results have
  std::string
      pooling;  ///< "own": each method's; or a pooling, or (of localisation) a source of maps
  std::vector<std::string>
      options;            ///< "label-share=0.5": must stand in the results' options column
  std::string published;  ///< metric in results/paper
};

struct BlockSpec {
  std::string title;
  std::string selection;             ///< "last", "best_each", ...
  std::vector<std::string> options;  ///< as those of a column
  std::vector<ColumnSpec> columns;
};

struct FigureSpec {
  std::string kind;  ///< "sweep": a metric over an option; "curves": over epochs, one line a row;
                     ///< "panel": a picture that the experiment leaves; "": none
  std::string x, x_label;  ///< of a sweep: the option
  bool log2 = false;       ///< its axis
  std::string metric, y_label;
  std::string baseline;  ///< row drawn as a level line
  std::string caption;
};

struct PlotSpec {
  std::string id, title;
  std::vector<std::string> paper_datasets;  ///< what the paper used; of several, the first is the
                                            ///< one a stand-in stands in for
  std::vector<BlockSpec> blocks;            ///< empty: no table
  FigureSpec figure;
  std::vector<std::string> notes;
};

/// Reads a specification. Throws UserError naming the file and what is wrong in it.
PlotSpec read_plot_spec(const std::filesystem::path& path);

/// All specifications in a folder, by id.
std::vector<PlotSpec> read_plot_specs(const std::filesystem::path& folder);

}  // namespace lcr
