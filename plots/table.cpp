#include "plots/table.h"

#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/csv.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

std::string ours_text(const TableBlock& block, const TableCell& cell, const char* plus_minus) {
  if (cell.ours.empty()) return "not run";
  const double value = mean(cell.ours);
  const std::string text = block.differences ? fmt::format("{:+.{}f}", value, block.decimals)
                                             : fmt::format("{:.{}f}", value, block.decimals);
  if (cell.ours.size() == 1) return text;
  return fmt::format("{} {} {:.{}f}", text, plus_minus, standard_deviation(cell.ours),
                     block.decimals);
}

std::string paper_text(const TableBlock& block, const TableCell& cell) {
  return cell.paper ? fmt::format("{:.{}f}", *cell.paper, block.decimals) : "";
}

std::string difference_text(const TableBlock& block, const TableCell& cell) {
  if (!block.comparable() || !cell.paper || cell.ours.empty()) return "";
  return fmt::format("{:+.{}f}", mean(cell.ours) - *cell.paper, block.decimals);
}

std::size_t seeds(const TableRow& row) {
  std::size_t most = 0;
  for (const auto& cell : row.cells) most = std::max(most, cell.ours.size());
  return most;
}

bool names_pooling(const TableBlock& block) {
  return std::any_of(block.rows.begin(), block.rows.end(),
                     [](const TableRow& row) { return !row.pooling.empty(); });
}

std::string escape_latex(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("%&_#$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// The block as lines of cells, its headings first.
std::vector<std::vector<std::string>> lines_of(const TableBlock& block, const char* plus_minus) {
  std::vector<std::vector<std::string>> lines = {{"", "n"}};
  if (names_pooling(block)) lines[0].emplace_back("pooling");
  for (const auto& heading : block.headings) {
    lines[0].push_back(block.published() ? heading + " ours" : heading);
    if (block.published()) lines[0].emplace_back("paper");
    if (block.published() && block.comparable()) lines[0].emplace_back("difference");
  }
  for (const auto& row : block.rows) {
    std::vector<std::string> line = {row.name, std::to_string(seeds(row))};
    if (names_pooling(block)) line.push_back(row.pooling);
    for (const auto& cell : row.cells) {
      line.push_back(ours_text(block, cell, plus_minus));
      if (block.published()) line.push_back(paper_text(block, cell));
      if (block.published() && block.comparable()) line.push_back(difference_text(block, cell));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

/// The paper's data sets without results.
std::vector<std::string> not_run(const Table& table) {
  std::vector<std::string> names;
  for (const auto& block : table.blocks)
    if (block.dataset.empty() &&
        std::find(names.begin(), names.end(), block.paper_dataset) == names.end())
      names.push_back(block.paper_dataset);
  return names;
}

/// Whether a column holds text, not numbers.
bool is_text(const TableBlock& block, std::size_t column) {
  return column == 0 || (column == 2 && names_pooling(block));
}

}  // namespace

bool TableBlock::published() const {
  for (const auto& row : rows)
    for (const auto& cell : row.cells)
      if (cell.paper) return true;
  return false;
}

std::string to_markdown(const Table& table) {
  const auto width = [](const std::string& text) {
    std::size_t count = 0;
    // UTF-8 continuation bytes take no room.
    for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return count;
  };
  std::string out = "## " + table.title + "\n";
  for (const auto& block : table.blocks) {
    if (block.dataset.empty()) continue;
    // Padded columns, so that the same text reads well on a terminal.
    const auto lines = lines_of(block, "±");
    std::vector<std::size_t> widths(lines[0].size(), 3);
    for (const auto& line : lines)
      for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
    out += "\n" + block.title + "\n\n";
    for (std::size_t l = 0; l < lines.size(); ++l) {
      out += "|";
      for (std::size_t i = 0; i < widths.size(); ++i) {
        const std::string pad(widths[i] - width(lines[l][i]), ' ');
        out += is_text(block, i) ? " " + lines[l][i] + pad + " |" : " " + pad + lines[l][i] + " |";
      }
      out += "\n";
      if (l > 0) continue;
      out += "|";
      for (std::size_t i = 0; i < widths.size(); ++i)
        out += is_text(block, i) ? std::string(widths[i] + 2, '-') + "|"
                                 : std::string(widths[i] + 1, '-') + ":|";
      out += "\n";
    }
  }
  out += "\n";
  if (const auto absent = not_run(table); !absent.empty())
    out += "Not run: " + join(absent, ", ") + ".\n\n";
  for (const auto& note : table.notes) out += "- " + note + "\n";
  return out;
}

std::string to_latex(const Table& table) {
  std::string out = "% " + table.title + " (needs the package booktabs)\n";
  for (const auto& block : table.blocks) {
    if (block.dataset.empty()) continue;
    const auto lines = lines_of(block, "\\pm");
    out += "\n% " + block.title + "\n\\begin{tabular}{";
    for (std::size_t i = 0; i < lines[0].size(); ++i) out += is_text(block, i) ? 'l' : 'r';
    out += "}\n\\toprule\n";
    for (std::size_t l = 0; l < lines.size(); ++l) {
      for (std::size_t i = 0; i < lines[l].size(); ++i) {
        const std::string& text = lines[l][i];
        out += (i > 0 ? " & " : "") +
               (text.find("\\pm") != std::string::npos ? "$" + text + "$" : escape_latex(text));
      }
      out += l == 0 ? " \\\\\n\\midrule\n" : " \\\\\n";
    }
    out += "\\bottomrule\n\\end{tabular}\n";
    if (!block.part.empty())
      out += fmt::format("% Ours: a part of {} ({}).\n", block.dataset, block.part);
    if (block.dataset != block.paper_dataset && block.published())
      out += fmt::format("% Ours: {}, standing in for the paper's {}.\n", block.dataset,
                         block.paper_dataset);
  }
  if (const auto absent = not_run(table); !absent.empty())
    out += "% Not run: " + join(absent, ", ") + ".\n";
  for (const auto& note : table.notes) out += "% " + note + "\n";
  return out;
}

std::string to_csv(const Table& table) {
  std::string out = csv_line({"dataset", "paper_dataset", "block", "row", "pooling", "metric", "n",
                              "ours_mean", "ours_sd", "paper", "difference"});
  const auto number = [](double value) {
    return std::isnan(value) ? std::string() : format_number(value);
  };
  for (const auto& block : table.blocks)
    for (const auto& row : block.rows)
      for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const auto& cell = row.cells[i];
        const std::string count = std::to_string(cell.ours.size());
        const std::string ours_mean = number(mean(cell.ours));
        const std::string ours_sd = number(standard_deviation(cell.ours));
        const std::string paper = cell.paper ? format_number(*cell.paper) : "";
        std::string difference;
        if (block.comparable() && cell.paper && !cell.ours.empty())
          difference = number(mean(cell.ours) - *cell.paper);
        out += csv_line({block.dataset, block.paper_dataset, block.title, row.name, row.pooling,
                         block.headings[i], count, ours_mean, ours_sd, paper, difference});
      }
  return out;
}

std::string escape_html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string to_html(const Table& table) {
  std::string out, selected;
  for (const auto& block : table.blocks) {
    if (block.dataset.empty()) continue;
    const auto lines = lines_of(block, "±");
    std::string html =
        "<p class=\"block\">" + escape_html(block.title) + "</p>\n<div class=\"scroll\"><table>\n";
    for (std::size_t l = 0; l < lines.size(); ++l) {
      html += "<tr>";
      for (std::size_t i = 0; i < lines[l].size(); ++i)
        html += fmt::format("<{0}{1}>{2}</{0}>", l == 0 ? "th" : "td",
                            is_text(block, i) ? " class=\"text\"" : "", escape_html(lines[l][i]));
      html += "</tr>\n";
    }
    (block.test_selected ? selected : out) += html + "</table></div>\n";
  }
  if (!selected.empty())
    out += "<details><summary>Best epochs, selected on the test split</summary>\n" + selected +
           "</details>\n";
  if (const auto absent = not_run(table); !absent.empty())
    out += "<p class=\"note\">Not run: " + escape_html(join(absent, ", ")) + ".</p>\n";
  out += "<details><summary>Notes</summary><ul>";
  for (const auto& note : table.notes) out += "<li>" + escape_html(note) + "</li>";
  return out + "</ul></details>\n";
}

}  // namespace lcr
