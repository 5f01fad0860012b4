#include "plots/style.h"

#include "plots/answer.h"
#include "plots/chart.h"
#include "plots/table.h"

namespace lcr {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #222; --soft: #5c5c5c; --rule: #ddd; --paper: #fff;
  --accent: #0072b2; --holds: #00734f; --fails: #b34700; --open: #6b6b6b; --warn: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --soft: #a8a8a8; --rule: #3c3c3c;
  --paper: #16181b; --accent: #5db4ee; --holds: #3fc79a; --fails: #f28c4e; --open: #a0a0a0;
  --warn: #3a3119; } .drawn { filter: invert(1) hue-rotate(180deg); } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1240px; margin: 0 auto; padding: 0 1em 4em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.25em; margin-top: 2em; scroll-margin-top: 3em; }
h3 { font-size: 1.05em; margin-top: 2em; scroll-margin-top: 3em; }
nav { position: sticky; top: 0; background: var(--paper); border-bottom: 1px solid var(--rule);
  padding: .5em 0; overflow-x: auto; white-space: nowrap; z-index: 1; }
nav a { margin-right: 1em; color: var(--accent); text-decoration: none; }
table { border-collapse: collapse; margin: .3em 0 1em; }
.scroll { overflow-x: auto; }
th, td { padding: .2em .7em; text-align: right; white-space: nowrap; }
th { border-top: 2px solid var(--ink); border-bottom: 1px solid var(--ink); }
tr:last-child td { border-bottom: 2px solid var(--ink); }
.text { text-align: left; }
.block { margin: 1em 0 .2em; font-style: italic; }
ul, .note { color: var(--soft); font-size: .87em; }
.warning { background: var(--warn); border-left: 4px solid #e69f00; padding: .6em 1em; }
td.wrap { white-space: normal; text-align: left; min-width: 12em; }
pre { padding: 1em; overflow-x: auto; font-size: .85em; border: 1px solid var(--rule); }
summary { cursor: pointer; color: var(--soft); }
.figure { margin: 1em 0; }
.figure img { max-width: 100%; height: auto; }
@media print { nav { display: none; } body { max-width: none; } h3 { break-after: avoid; } }
)";

}  // namespace

std::string page_head(const std::string& title) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
         "name=\"viewport\" content=\"width=device-width\"><title>" +
         escape_html(title) + "</title><style>" + kStyle + kChartStyle + kAnswerStyle +
         "</style></head><body>\n";
}

}  // namespace lcr
