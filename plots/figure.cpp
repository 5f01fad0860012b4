#include "plots/figure.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include <fmt/core.h>

// Its code raises our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#include <gnuplot-iostream.h>
#pragma GCC diagnostic pop

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

/// Okabe and Ito's colours, distinguishable with any colour vision; the line types differ too.
constexpr const char* kColours[] = {"#D55E00", "#0072B2", "#009E73",
                                    "#CC79A7", "#E69F00", "#56B4E9"};

/// x, mean, standard deviation (0 for a single run).
using Point = std::tuple<double, double, double>;

struct Line {
  std::string title;
  std::vector<Point> points;
  bool level = false;      ///< one value, drawn as a horizontal line
  bool published = false;  ///< the paper's values: open markers without a line
};

Point make_point(double x, const std::vector<double>& values) {
  return {x, mean(values), values.size() > 1 ? standard_deviation(values) : 0.0};
}

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string quote(const std::string& text) { return "\"" + escape(text) + "\""; }

/// gnuplot's style of a line; `style` counts our lines.
std::string style_of(const Line& line, std::size_t style) {
  if (line.published)
    return fmt::format("with points pt 6 ps 1.4 lw 1.5 lc rgb '{}'",
                       line.level ? "#555555" : "#000000");
  const char* colour = kColours[style % std::size(kColours)];
  if (line.level) return fmt::format("with lines dt 2 lw 2 lc rgb '{}'", colour);
  return fmt::format("with yerrorlines pt {} ps 0.9 lw 2 dt {} lc rgb '{}'", 5 + 2 * style,
                     style + 1, colour);
}

/// gnuplot with nothing of the user's that could change a figure: his initialisation files (-d),
/// terminal, fonts, their configuration, and locale; but with a folder for the fonts' cache,
/// without which fontconfig complains. It prints on standard output.
constexpr const char* kGnuplot =
    "env -i PATH=\"$PATH\" LD_LIBRARY_PATH=\"$LD_LIBRARY_PATH\" LC_ALL=C.UTF-8 "
    "XDG_CACHE_HOME=\"${XDG_CACHE_HOME:-$HOME/.cache}\" gnuplot -d 2>&1";

/// Tics at the measured x, each once.
std::string x_tics(const std::vector<Line>& lines) {
  std::string tics;
  for (const auto& line : lines) {
    if (line.level) continue;
    for (const auto& [x, y, sd] : line.points) {
      const std::string tic = fmt::format("\"{0}\" {0}", x);
      if (tics.find(tic) == std::string::npos) tics += (tics.empty() ? "" : ", ") + tic;
    }
  }
  return tics;
}

/// Where a picture goes, and what is said above it.
struct Canvas {
  std::string terminal;
  fs::path file;
  std::string subtitle;
};

void begin(Gnuplot& gnuplot, const PlotSpec& spec, const Canvas& canvas) {
  gnuplot << "set terminal " << canvas.terminal << "\nset output " << quote(canvas.file.string())
          << "\n";
  gnuplot << "set title "
          << "\"" << escape(spec.title) << "\\n{/*0.8 " << escape(canvas.subtitle) << "}\""
          << "\n";
  gnuplot << "set xlabel " << quote(spec.figure.x_label) << "\n";
  gnuplot << "set border 3 lw 1\nset tics nomirror out\nset key outside top center horizontal "
             "samplen 2 noenhanced\n";
}

void draw_lines(const PlotSpec& spec, const std::vector<Line>& lines, bool published_apart,
                const Canvas& canvas) {
  const FigureSpec& figure = spec.figure;
  Gnuplot gnuplot(kGnuplot);
  begin(gnuplot, spec, canvas);
  gnuplot << "set ylabel " << quote(figure.y_label)
          << "\nset grid ytics lc rgb '#dddddd' lw 1\nset offsets graph 0.03, graph 0.03, graph "
             "0.08, graph 0.08\n";
  if (figure.log2) {
    gnuplot << "set logscale x 2\n";
    gnuplot << "set xtics (" << x_tics(lines) << ")\n";
  }
  if (published_apart) {
    gnuplot << "set y2tics nomirror out\nset y2label \"rank-1 (%), paper (other data)\"\n";
    // gnuplot warns of an axis for equal values.
    std::set<double> values;
    for (const auto& line : lines)
      for (const auto& point : line.points)
        if (line.published) values.insert(std::get<1>(point));
    if (values.size() == 1)
      gnuplot << fmt::format("set y2range [{}:{}]\n", *values.begin() - 1, *values.begin() + 1);
  }
  std::string command;
  std::size_t style = 0;
  for (const auto& line : lines) {
    const std::string axes = line.published && published_apart ? " axes x1y2" : "";
    const char* columns = line.published || line.level ? "1:2" : "1:2:3";
    command += fmt::format("{}'-' using {}{} {} title {}", command.empty() ? "plot " : ", ",
                           columns, axes, style_of(line, style), quote(line.title));
    if (!line.published) ++style;
  }
  gnuplot << command << "\n";
  for (const auto& line : lines) gnuplot.send1d(line.points);
  gnuplot << "set output\n";
  gnuplot.flush();
}

/// A row minus the baseline, seed by seed.
struct Difference {
  std::string row;
  std::vector<double> pairs;
};

std::vector<Difference> differences(const PlotSpec& spec, const Results& results) {
  const std::string dataset = results.distinct("dataset").front();
  std::vector<Difference> all;
  for (const auto& name : results.distinct("row")) {
    if (name == spec.figure.baseline) continue;
    const auto pairs =
        results.differences(name, spec.figure.baseline, dataset, {"", "last", {}, {}},
                            {"", {spec.figure.metric}, "own", {}, ""});
    if (!pairs.empty()) all.push_back({name, pairs});
  }
  if (all.empty())
    throw NothingToDraw(fmt::format("figure {}: no row has a seed in common with '{}'", spec.id,
                                    spec.figure.baseline));
  return all;
}

/// One row below the other: every pair as a circle, and the mean with its interval, also in words.
void draw_differences(const PlotSpec& spec, const std::vector<Difference>& all,
                      const Canvas& canvas) {
  Gnuplot gnuplot(kGnuplot);
  begin(gnuplot, spec, canvas);
  std::vector<std::string> names, words;
  std::vector<std::pair<double, double>> pairs;
  std::vector<std::tuple<double, double, double, double>> means;  // place, mean, low, high
  for (const auto& [row, values] : all) {
    const auto place = static_cast<double>(names.size() + 1);
    for (const double value : values) pairs.emplace_back(place, value);
    const double middle = mean(values);
    std::string word = fmt::format("{:+.2f}", middle);
    Interval interval{middle, middle};
    if (values.size() > 1) {
      interval = paired_interval(values);
      word += fmt::format(" [{:+.2f}, {:+.2f}]", interval.low, interval.high);
    }
    means.emplace_back(place, middle, interval.low, interval.high);
    names.push_back(fmt::format("{} {}", quote(row), place));
    words.push_back(
        fmt::format("{} {}", quote(word + fmt::format(", n = {}", values.size())), place));
  }
  const std::string range = fmt::format("[{}:0.5]", static_cast<double>(all.size()) + 0.5);
  gnuplot << "set ytics (" << join(names, ", ") << ") noenhanced\nset y2tics (" << join(words, ", ")
          << ") nomirror\nset yrange " << range << "\nset y2range " << range
          << "\nset grid xtics lc rgb '#dddddd' lw 1\nset offsets graph 0.05, graph 0.05, 0, 0\n"
             "set arrow from first 0, graph 0 to first 0, graph 1 nohead lw 1 lc rgb '#555555'\n"
          << fmt::format(
                 "plot '-' using 2:1 with points pt 6 ps 0.7 lw 1 lc rgb '#777777' title 'one "
                 "seed', '-' using 2:1:3:4 with xerrorbars pt 7 ps 0.9 lw 2 lc rgb '{}' title "
                 "'mean, 95 % interval'\n",
                 kColours[1]);
  gnuplot.send1d(pairs);
  gnuplot.send1d(means);
  gnuplot << "set output\n";
  gnuplot.flush();
}

/// The lines of a sweep, ours and the paper's.
std::vector<Line> sweep(const PlotSpec& spec, const Results& results,
                        const std::vector<PublishedValue>& published) {
  const FigureSpec& figure = spec.figure;
  const std::string dataset = results.distinct("dataset").front();
  const BlockSpec last{"", "last", {}, {}};
  const ColumnSpec column{"", {figure.metric}, "own", {}, ""};
  const auto x_of = [&](const std::string& name) -> std::optional<double> {
    for (const auto& row : results.rows())
      if (row[result_column("row")] == name)
        if (const auto value = option_in(row[result_column("options")], figure.x))
          return parse_number(*value);
    return std::nullopt;
  };
  Line ours{.title = "LCR"};
  Line theirs{.title = "LCR, paper", .published = true};
  Line baseline{.title = figure.baseline, .level = true};
  Line their_baseline{.title = figure.baseline + ", paper", .level = true, .published = true};
  std::vector<double> xs;
  for (const auto& name : results.distinct("row")) {
    const auto values = results.values(name, dataset, last, column);
    const auto x = x_of(name);
    if (x && !values.empty()) {
      ours.points.push_back(make_point(*x, values));
      xs.push_back(*x);
    }
    for (const auto& value : published)
      if (const auto y = parse_number(value.value);
          x && y && value.row == name && value.metric == figure.metric)
        theirs.points.push_back({*x, *y, 0});
  }
  if (xs.empty())
    throw NothingToDraw(
        fmt::format("figure {}: the results have no row with a value of {}", spec.id, figure.x));
  std::sort(ours.points.begin(), ours.points.end());
  const auto [low, high] = std::minmax_element(xs.begin(), xs.end());
  if (!figure.baseline.empty()) {
    const auto values = results.values(figure.baseline, dataset, last, column);
    if (!values.empty())
      for (const double x : {*low, *high}) baseline.points.push_back(make_point(x, values));
    for (const auto& value : published)
      if (const auto y = parse_number(value.value);
          y && value.row == figure.baseline && value.metric == figure.metric)
        for (const double x : {*low, *high}) their_baseline.points.push_back({x, *y, 0});
  }
  std::vector<Line> lines;
  for (const auto& line : {ours, baseline, theirs, their_baseline})
    if (!line.points.empty()) lines.push_back(line);
  return lines;
}

/// Curves over epochs, one line per row of the table.
std::vector<Line> curves(const PlotSpec& spec, const Results& results) {
  std::vector<Line> lines;
  for (const auto& name : results.distinct("row")) {
    std::map<double, std::vector<double>> by_epoch;
    for (const auto& row : results.rows()) {
      if (row[result_column("row")] != name || row[result_column("selection")] != "each_epoch" ||
          row[result_column("metric")] != spec.figure.metric)
        continue;
      const auto epoch = parse_number(row[result_column("epoch")]);
      if (!epoch) fail("figure {}: a curve's epoch is not a number", spec.id);
      by_epoch[*epoch].push_back(*parse_number(row[result_column("value")]));
    }
    Line line{.title = name};
    for (const auto& [epoch, values] : by_epoch) line.points.push_back(make_point(epoch, values));
    if (!line.points.empty()) lines.push_back(std::move(line));
  }
  if (lines.empty())
    throw NothingToDraw(fmt::format("figure {}: the results have no scores by epoch", spec.id));
  return lines;
}

void check_written(const fs::path& file) {
  if (!fs::exists(file) || fs::file_size(file) == 0)
    fail("{}: gnuplot did not write this file", file.string());
}

/// Writes an SVG that holds the picture.
void embed_panel(const fs::path& png, const fs::path& svg) {
  if (!fs::exists(png))
    fail("{}: no such picture; run the experiment again, it writes this file", png.string());
  const auto bytes = read_file(png, 256 << 20);
  // A PNG's header has width and height from byte 16 on, big-endian.
  const auto number = [&](std::size_t at) {
    if (bytes.size() < 24) return 0;
    return bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
  };
  const std::string picture = to_base64({bytes.begin(), bytes.end()});
  write_atomic(svg, fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" "
                                "height=\"{1}\" viewBox=\"0 0 {0} {1}\"><image width=\"{0}\" "
                                "height=\"{1}\" href=\"data:image/png;base64,{2}\"/></svg>\n",
                                number(16), number(20), picture));
}

}  // namespace

std::string to_base64(const std::string& bytes) {
  static constexpr char kLetters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
    };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) out += kLetters[group >> shift & 63];
    const std::size_t missing = i + 3 > bytes.size() ? i + 3 - bytes.size() : 0;
    for (std::size_t k = 0; k < missing; ++k) out[out.size() - 1 - k] = '=';
  }
  return out;
}

void draw_figure(const PlotSpec& spec, const Results& results,
                 const std::vector<PublishedValue>& published, const fs::path& folder) {
  require_writable_directory(folder);
  const fs::path png = folder / (spec.id + ".png");
  const fs::path svg = folder / (spec.id + ".svg");
  if (spec.figure.kind == "panel") return embed_panel(png, svg);
  if (std::system("gnuplot --version >/dev/null 2>&1") != 0)
    fail(
        "figures need gnuplot, which is not installed (Debian: gnuplot-nox); tables do not need "
        "it");
  const auto datasets = results.distinct("dataset");
  const bool same = std::find(spec.paper_datasets.begin(), spec.paper_datasets.end(),
                              datasets.front()) != spec.paper_datasets.end();
  std::vector<Line> lines;
  std::vector<Difference> pairs;
  if (spec.figure.kind == "differences")
    pairs = differences(spec, results);
  else
    lines = spec.figure.kind == "sweep" ? sweep(spec, results, published) : curves(spec, results);
  std::size_t runs = 0;
  const BlockSpec last{"", "last", {}, {}};
  const ColumnSpec column{"", {spec.figure.metric}, "own", {}, ""};
  for (const auto& name : results.distinct("row"))
    runs = std::max(runs, results.values(name, datasets.front(), last, column).size());
  const std::string stand_in = same ? "" : " standing in for " + spec.paper_datasets.front();
  std::string bars = runs > 1 ? fmt::format("bars: sd over up to {} runs", runs) : "one run each";
  if (!pairs.empty())
    bars = fmt::format("minus {} of the same seed, up to {} seeds", spec.figure.baseline, runs);
  const std::string subtitle = fmt::format("{}{}; {}", join(datasets, ", "), stand_in, bars);
  const bool apart = !same && std::any_of(lines.begin(), lines.end(),
                                          [](const Line& line) { return line.published; });
  // Drawn to a temporary file, then renamed: a picture is never half-written.
  const auto draw = [&](const std::string& terminal, const fs::path& file) {
    const fs::path partial = file.string() + ".partial";
    fs::remove(partial);
    if (pairs.empty())
      draw_lines(spec, lines, apart, {terminal, partial, subtitle});
    else
      draw_differences(spec, pairs, {terminal, partial, subtitle});
    check_written(partial);
    fs::rename(partial, file);
  };
  const int width = pairs.empty() ? 560 : 760;  // words on both sides
  draw(fmt::format("svg size {},400 enhanced font 'Helvetica,13' background '#ffffff'", width),
       svg);
  draw(fmt::format("pngcairo size {},800 enhanced font 'Helvetica,13' fontscale 1.6 linewidth 1.6 "
                   "pointscale 1.6",
                   2 * width),
       png);
}

}  // namespace lcr
