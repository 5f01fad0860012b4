#include "table.h"

#include <fmt/core.h>

#include "lcr/base/csv.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

std::string ours_text(const TableCell& cell, const char* plus_minus) {
  if (cell.ours.empty()) return "not run";
  if (cell.ours.size() == 1) return fmt::format("{:.2f}", cell.ours.front());
  return fmt::format("{:.2f} {} {:.2f}", mean(cell.ours), plus_minus, standard_deviation(cell.ours));
}

std::string paper_text(const TableCell& cell) { return cell.paper ? fmt::format("{:.2f}", *cell.paper) : ""; }

std::string difference_text(const Table& table, const TableCell& cell) {
  return table.comparable && cell.paper && !cell.ours.empty() ? fmt::format("{:+.2f}", mean(cell.ours) - *cell.paper) : "";
}

std::size_t seeds(const TableRow& row) { return row.cells.empty() ? 0 : row.cells.front().ours.size(); }

std::string escape_latex(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("%&_#$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string to_markdown(const Table& table) {
  // Columns are padded, so that the same text reads well on a terminal.
  std::vector<std::vector<std::string>> lines = {{"", "n", "pooling"}};
  for (const auto& metric : table.metrics) {
    lines[0].insert(lines[0].end(), {metric + " ours", "paper"});
    if (table.comparable) lines[0].push_back("difference");
  }
  std::vector<std::size_t> block_starts;
  for (const auto& block : table.blocks) {
    block_starts.push_back(lines.size());
    for (const auto& row : block.rows) {
      std::vector<std::string> line = {row.name, std::to_string(seeds(row)), row.pooling};
      for (const auto& cell : row.cells) {
        line.insert(line.end(), {ours_text(cell, "±"), paper_text(cell)});
        if (table.comparable) line.push_back(difference_text(table, cell));
      }
      lines.push_back(std::move(line));
    }
  }
  std::vector<std::size_t> widths(lines[0].size(), 3);
  const auto width = [](const std::string& text) {
    std::size_t count = 0;
    for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // UTF-8 continuation bytes take no room
    return count;
  };
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  const auto print = [&](const std::vector<std::string>& line) {
    std::string out = "|";
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string pad(widths[i] - width(line[i]), ' ');
      out += i == 0 || i == 2 ? " " + line[i] + pad + " |" : " " + pad + line[i] + " |";
    }
    return out + "\n";
  };
  std::string out = "## " + table.title + "\n";
  for (std::size_t b = 0; b < table.blocks.size(); ++b) {
    out += "\n" + table.blocks[b].title + "\n\n" + print(lines[0]) + "|";
    for (std::size_t i = 0; i < widths.size(); ++i) out += i == 0 || i == 2 ? std::string(widths[i] + 2, '-') + "|" : std::string(widths[i] + 1, '-') + ":|";
    out += "\n";
    for (std::size_t r = 0; r < table.blocks[b].rows.size(); ++r) out += print(lines[block_starts[b] + r]);
  }
  out += "\n";
  for (const auto& note : table.notes) out += "- " + note + "\n";
  return out;
}

std::string to_latex(const Table& table) {
  const std::string columns = table.comparable ? "rrr" : "rr";
  std::string out = "% " + table.title + "\n\\begin{tabular}{lrl";
  for (std::size_t i = 0; i < table.metrics.size(); ++i) out += columns;
  out += "}\n\\hline\n & $n$ & pooling";
  for (const auto& metric : table.metrics) out += " & " + escape_latex(metric) + " ours & paper" + (table.comparable ? " & diff." : "");
  out += " \\\\\n\\hline\n";
  for (const auto& block : table.blocks) {
    out += fmt::format("\\multicolumn{{{}}}{{l}}{{\\emph{{{}}}}} \\\\\n", 3 + table.metrics.size() * columns.size(), escape_latex(block.title));
    for (const auto& row : block.rows) {
      out += fmt::format("{} & {} & {}", escape_latex(row.name), seeds(row), row.pooling);
      for (const auto& cell : row.cells) {
        out += " & $" + ours_text(cell, "\\pm") + "$ & " + paper_text(cell);
        if (table.comparable) out += " & " + difference_text(table, cell);
      }
      out += " \\\\\n";
    }
    out += "\\hline\n";
  }
  if (!table.comparable)
    out += fmt::format("\\multicolumn{{{}}}{{l}}{{Ours: {}, standing in for the paper's {}.}} \\\\\n", 3 + table.metrics.size() * columns.size(), escape_latex(table.dataset), escape_latex(table.paper_dataset));
  out += "\\end{tabular}\n";
  for (const auto& note : table.notes) out += "% " + note + "\n";
  return out;
}

std::string to_csv(const Table& table) {
  std::string out = csv_line({"dataset", "paper_dataset", "block", "row", "pooling", "metric", "n", "ours_mean", "ours_sd", "paper", "difference"});
  const auto number = [](double value) { return std::isnan(value) ? std::string() : format_number(value); };
  for (const auto& block : table.blocks)
    for (const auto& row : block.rows)
      for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const auto& cell = row.cells[i];
        out += csv_line({table.dataset, table.paper_dataset, block.title, row.name, row.pooling, table.metrics[i], std::to_string(cell.ours.size()), number(mean(cell.ours)), number(standard_deviation(cell.ours)),
                         cell.paper ? format_number(*cell.paper) : "", table.comparable && cell.paper && !cell.ours.empty() ? number(mean(cell.ours) - *cell.paper) : ""});
      }
  return out;
}

}  // namespace lcr
