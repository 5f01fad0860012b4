// lcr-weights: lists the content of a weight file, converts it to safetensors, and makes a run of a
// checkpoint of the authors' code. No code in the file is ever run.
#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/arguments.h"
#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"
#include "lcr/experiment/import_run.h"
#include "lcr/weights/safetensors.h"

namespace lcr {
namespace {
namespace po = boost::program_options;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const auto n : shape) sizes.push_back(std::to_string(n));
  return sizes.empty() ? "scalar" : join(sizes, " x ");
}

/// Those of the tensors that are under a prefix, by the rest of their names.
std::map<std::string, TensorDescriptor> below(
    const std::map<std::string, TensorDescriptor>& tensors, const std::string& prefix) {
  std::map<std::string, TensorDescriptor> chosen;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix) && name.size() > prefix.size())
      chosen[name.substr(prefix.size())] = tensor;
  return chosen;
}

/// The tensors under a prefix whose values are read. Throws UserError if there are none.
std::map<std::string, TensorDescriptor> readable_below(const WeightFile& file,
                                                       const std::string& prefix,
                                                       const std::string& path) {
  auto chosen = below(file.tensors, prefix);
  if (chosen.empty() && !below(file.unread, prefix).empty())
    fail("{}: the values of none of its tensors{} are read; the first is of type '{}'", path,
         prefix.empty() ? "" : " under '" + prefix + "'",
         printable(below(file.unread, prefix).begin()->second.dtype));
  if (chosen.empty())
    fail("{}: no tensor's name begins with '{}'; the first name is {}", path, prefix,
         file.tensors.empty() ? "none" : file.tensors.begin()->first);
  return chosen;
}

int inspect(const std::string& path, const std::string& prefix) {
  const WeightFile file = read_weights(path);
  std::uint64_t total = 0;
  const auto chosen = below(file.tensors, prefix);
  const auto unread = below(file.unread, prefix);
  if (unread.empty()) readable_below(file, prefix, path);
  fmt::print("{}: {}, SHA-256 {}\n", path, file.format, sha256_file(path));
  for (const auto& [key, value] : file.metadata) fmt::print("  {} = {}\n", key, value);
  std::size_t width = 4;
  for (const auto* tensors : {&chosen, &unread})
    for (const auto& [name, tensor] : *tensors) width = std::max(width, name.size());
  fmt::print("{:<{}}  {:<5} {:>14}  {}\n", "name", width, "type", "bytes", "shape");
  for (const auto& [name, tensor] : chosen) {
    fmt::print("{:<{}}  {:<5} {:>14}  {}{}\n", name, width, tensor.dtype, byte_size(tensor),
               shape_text(tensor.shape), tensor.strides.empty() ? "" : " (strided)");
    total += byte_size(tensor);
  }
  for (const auto& [name, tensor] : unread)
    fmt::print("{:<{}}  '{}': not read\n", name, width, printable(tensor.dtype));
  fmt::print("{} tensors, {} bytes\n", chosen.size(), total);
  return kDone;
}

int convert(const std::string& path, const std::string& out, const std::string& prefix) {
  if (!out.ends_with(".safetensors"))
    fail("{}: the output is a safetensors file; its name must end in .safetensors", out);
  const WeightFile file = read_weights(path);
  const auto chosen = readable_below(file, prefix, path);
  for (const auto& [name, tensor] : below(file.unread, prefix))
    say("{}: tensor {} is left out: the values of type '{}' are not read\n", path, name,
        printable(tensor.dtype));
  std::map<std::string, std::vector<std::uint8_t>> content;
  std::map<std::string, TensorToWrite> tensors;
  for (const auto& [name, tensor] : chosen) {
    auto& bytes = content[name];
    bytes.resize(byte_size(tensor));
    copy_row_major(file, tensor, bytes.data());
    tensors[name] = {tensor.dtype, tensor.shape, bytes.data()};
  }
  auto metadata = file.metadata;
  metadata["format"] = "pt";  // what the safetensors packages expect
  write_safetensors(out, tensors, metadata);
  fmt::print("written: {} ({} tensors, SHA-256 {})\n", out, tensors.size(), sha256_file(out));
  return kDone;
}

int import_checkpoint(const std::string& path, const Options& options) {
  watch_signals();
  const ImportReport report = import_run(path, options);
  std::vector<std::string> parts;
  for (const auto& [part, count] : report.loaded)
    parts.push_back(fmt::format("{} {}", part, count));
  fmt::print("tensors loaded: {}\n", join(parts, ", "));
  for (const auto& [reason, names] : report.left_out) {
    fmt::print("left out, because they {} ({}):\n", reason, names.size());
    for (const auto& name : names) fmt::print("  {}\n", name);
  }
  fmt::print("{}: {}\n", report.made ? "written" : "found in the store", report.directory.string());
  return kDone;
}

int run(int argc, char** argv) {
  std::string command, prefix;
  std::vector<std::string> files;
  po::options_description visible("Options");
  auto add_option = visible.add_options();
  add_option("prefix", po::value(&prefix),
             "only tensors whose names begin with this; removes it from the names");
  const Options authors = authors_options();
  for (const auto& name : import_option_names()) {
    const OptionSpec& spec = find_option(name, "");
    const std::string value = name == "dataset" ? "" : get_option(authors, spec);
    const std::string text =
        fmt::format("import-run: {}{}", spec.meaning, value.empty() ? "" : " [" + value + "]");
    add_option(name.c_str(), po::value<std::string>(), text.c_str());
  }
  add_option("help", "print this help");
  const auto values = parse_arguments(
      argc, argv, visible, {{"command", po::value(&command)}, {"file", po::value(&files), -1}});
  if (values.contains("help")) {
    fmt::print(
        "lcr-weights: lists, converts and imports weight files\n\n"
        "Usage:\n"
        "  lcr-weights inspect FILE [--prefix P]\n"
        "  lcr-weights convert FILE OUT.safetensors [--prefix P]\n"
        "  lcr-weights import-run FILE --dataset D [--option value]...\n\n"
        "FILE is a safetensors file or an output of torch.save (zip or legacy form), whatever its "
        "name. No code in it is run.\n"
        "Names of nested dicts are joined with dots: lcr-weights convert moco.pth.tar "
        "backbone.safetensors --prefix state_dict.module.encoder_q.\n"
        "import-run makes a run of the store out of a checkpoint of the authors' code for MoCo "
        "(main_moco.py of GANPerf/LCR), for evaluate. What the file does not say has the values of "
        "the authors' README.\n\n{}",
        list_options(visible));
    return kDone;
  }
  Options options = authors;
  for (const auto& name : import_option_names()) {
    if (!values.contains(name)) continue;
    if (command != "import-run") fail("command line: --{} is for import-run", name);
    set_option(options, name, values[name].as<std::string>(), "command line");
  }
  if (command == "inspect" && files.size() == 1) return inspect(files[0], prefix);
  if (command == "convert" && files.size() == 2) return convert(files[0], files[1], prefix);
  if (command == "import-run" && files.size() == 1) {
    if (values.contains("prefix")) fail("command line: --prefix is for inspect and convert");
    if (!values.contains("dataset"))
      fail(
          "command line: import-run needs --dataset, the data set that the checkpoint was trained "
          "on: the file does not say it");
    return import_checkpoint(files[0], options);
  }
  fail(
      "command line: expected inspect FILE, convert FILE OUT.safetensors or import-run FILE "
      "--dataset D; see --help");
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  return lcr::run_main("lcr-weights", [&] { return lcr::run(argc, argv); });
}
