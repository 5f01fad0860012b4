#include "ci/check_report.h"

#include <algorithm>
#include <sstream>

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/text.h"

namespace lcr::check {
namespace {

std::string counts(const CheckReport& report) {
  std::vector<std::pair<std::string, std::size_t>> verdicts;
  for (const auto& line : report.lines) {
    const auto known = std::find_if(verdicts.begin(), verdicts.end(),
                                    [&](const auto& v) { return v.first == line.verdict; });
    if (known == verdicts.end())
      verdicts.emplace_back(line.verdict, 1);
    else
      ++known->second;
  }
  std::vector<std::string> parts;
  for (const auto& [verdict, count] : verdicts)
    parts.push_back(fmt::format("{} {}", count, verdict));
  return parts.empty() ? "nothing to compare" : join(parts, ", ");
}

/// The table with its headings: verdict, group, name, then the report's own columns.
std::vector<std::vector<std::string>> table_of(const CheckReport& report) {
  std::vector<std::vector<std::string>> table = {{"verdict", "what", ""}};
  table.front().insert(table.front().end(), report.columns.begin(), report.columns.end());
  for (const auto& line : report.lines) {
    table.push_back({line.verdict, line.group, line.name});
    table.back().insert(table.back().end(), line.cells.begin(), line.cells.end());
  }
  return table;
}

/// The width in characters, not bytes.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

/// Text for a cell of a Markdown table.
std::string escaped(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.replace(at, 1, "\\|");
  return text;
}

}  // namespace

std::size_t CheckReport::count(Status status) const {
  return static_cast<std::size_t>(std::count_if(
      lines.begin(), lines.end(), [&](const ReportLine& line) { return line.status == status; }));
}

std::string terminal_table(const CheckReport& report) {
  const auto table = table_of(report);
  std::vector<std::size_t> widths(table.front().size());
  for (const auto& row : table)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string text = report.title + "\n\n";
  for (std::size_t r = 0; r < table.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < table[r].size(); ++i) {
      const std::string padding(widths[i] - width_of(table[r][i]), ' ');
      line += (i == 0 ? "" : "  ") + (i < 3 ? table[r][i] + padding : padding + table[r][i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (r > 0 && report.lines[r - 1].verdict != "pass" && !report.lines[r - 1].reason.empty())
      text += "           " + report.lines[r - 1].reason + "\n";
  }
  text += "\n" + counts(report) + "\n";
  for (const auto& note : report.notes) text += note + "\n";
  return text;
}

std::string markdown(const CheckReport& report) {
  std::string text = fmt::format("### {}\n\n**{}**\n\n", report.title, counts(report));
  const auto table = table_of(report);
  for (std::size_t r = 0; r < table.size(); ++r) {
    text += "|";
    for (const auto& cell : table[r]) text += " " + escaped(cell) + " |";
    text += "\n";
    if (r > 0) continue;
    for (std::size_t i = 0; i < table[r].size(); ++i) text += i < 3 ? "|---" : "|--:";
    text += "|\n";
  }
  text += "\n";
  for (const auto& line : report.lines)
    if (line.verdict != "pass" && !line.reason.empty())
      text +=
          fmt::format("- **{}** {}: {}: {}\n", line.verdict, line.group, line.name, line.reason);
  for (const auto& note : report.notes) text += "\n" + note + "\n";
  return text;
}

std::string junit_xml(const CheckReport& report) {
  namespace pt = boost::property_tree;
  pt::ptree suite;
  suite.put("<xmlattr>.name", report.title);
  suite.put("<xmlattr>.tests", report.lines.size());
  suite.put("<xmlattr>.failures", report.count(Status::kBad));
  suite.put("<xmlattr>.skipped", report.count(Status::kOpen));
  for (const auto& line : report.lines) {
    pt::ptree test;
    test.put("<xmlattr>.classname", line.group);
    test.put("<xmlattr>.name", line.name);
    if (line.status == Status::kBad)
      test.put("failure.<xmlattr>.message", line.verdict + ": " + line.reason);
    if (line.status == Status::kOpen)
      test.put("skipped.<xmlattr>.message", line.verdict + ": " + line.reason);
    std::string values;
    for (std::size_t i = 0; i < line.cells.size(); ++i)
      values += fmt::format("{}{}: {}", i == 0 ? "" : "; ", report.columns[i], line.cells[i]);
    test.put("system-out", values);
    suite.add_child("testcase", test);
  }
  pt::ptree root;
  root.add_child("testsuites.testsuite", suite);
  std::ostringstream out;
  pt::write_xml(out, root, pt::xml_writer_make_settings<std::string>(' ', 1));
  return out.str();
}

std::string json(const CheckReport& report) {
  nlohmann::ordered_json out = {{"title", report.title},
                                {"bad", report.count(Status::kBad)},
                                {"open", report.count(Status::kOpen)},
                                {"good", report.count(Status::kGood)},
                                {"notes", report.notes}};
  out["lines"] = nlohmann::json::array();
  for (const auto& line : report.lines) {
    nlohmann::ordered_json own = {{"verdict", line.verdict},
                                  {"group", line.group},
                                  {"name", line.name},
                                  {"reason", line.reason}};
    for (const auto& [name, value] : line.numbers)
      own[name] = value;  // null where it is not finite
    out["lines"].push_back(own);
  }
  return out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace lcr::check
