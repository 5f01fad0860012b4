// lcr-weights: lists the content of a weight file and converts it to safetensors. No code in the
// file is ever run.
#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/arguments.h"
#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/data/safetensors.h"

namespace lcr {
namespace {
namespace po = boost::program_options;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const auto n : shape) sizes.push_back(std::to_string(n));
  return sizes.empty() ? "scalar" : join(sizes, " x ");
}

/// The tensors under a prefix, by the rest of their names. Throws UserError if there are none.
std::map<std::string, TensorDescriptor> below(const WeightFile& file, const std::string& prefix,
                                              const std::string& path) {
  std::map<std::string, TensorDescriptor> chosen;
  for (const auto& [name, tensor] : file.tensors)
    if (name.starts_with(prefix) && name.size() > prefix.size())
      chosen[name.substr(prefix.size())] = tensor;
  if (chosen.empty())
    fail("{}: no tensor's name begins with '{}'; the first name is {}", path, prefix,
         file.tensors.empty() ? "none" : file.tensors.begin()->first);
  return chosen;
}

int inspect(const std::string& path, const std::string& prefix) {
  const WeightFile file = read_weights(path);
  std::uint64_t total = 0;
  const auto chosen = below(file, prefix, path);
  fmt::print("{}: {}, SHA-256 {}\n", path, file.format, sha256_file(path));
  for (const auto& [key, value] : file.metadata) fmt::print("  {} = {}\n", key, value);
  std::size_t width = 4;
  for (const auto& [name, tensor] : chosen) width = std::max(width, name.size());
  fmt::print("{:<{}}  {:<5} {:>14}  {}\n", "name", width, "type", "bytes", "shape");
  for (const auto& [name, tensor] : chosen) {
    fmt::print("{:<{}}  {:<5} {:>14}  {}{}\n", name, width, tensor.dtype, byte_size(tensor),
               shape_text(tensor.shape), tensor.strides.empty() ? "" : " (strided)");
    total += byte_size(tensor);
  }
  fmt::print("{} tensors, {} bytes\n", chosen.size(), total);
  return kDone;
}

int convert(const std::string& path, const std::string& out, const std::string& prefix) {
  if (!out.ends_with(".safetensors"))
    fail("{}: the output is a safetensors file; its name must end in .safetensors", out);
  const WeightFile file = read_weights(path);
  const auto chosen = below(file, prefix, path);
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

int run(int argc, char** argv) {
  std::string command, prefix;
  std::vector<std::string> files;
  po::options_description visible("Options");
  auto add_option = visible.add_options();
  add_option("prefix", po::value(&prefix),
             "only tensors whose names begin with this; removes it from the names");
  add_option("help", "print this help");
  const auto values = parse_arguments(
      argc, argv, visible, {{"command", po::value(&command)}, {"file", po::value(&files), -1}});
  if (values.contains("help")) {
    fmt::print(
        "lcr-weights: lists and converts weight files\n\n"
        "Usage:\n"
        "  lcr-weights inspect FILE [--prefix P]\n"
        "  lcr-weights convert FILE OUT.safetensors [--prefix P]\n\n"
        "FILE is a .safetensors file or an output of torch.save (.pth, .pt, .pth.tar, .bin, .ckpt; "
        "zip or legacy form). No code in it is run.\n"
        "Names of nested dicts are joined with dots: lcr-weights convert moco.pth.tar "
        "backbone.safetensors --prefix state_dict.module.encoder_q.\n\n{}",
        list_options(visible));
    return kDone;
  }
  if (command == "inspect" && files.size() == 1) return inspect(files[0], prefix);
  if (command == "convert" && files.size() == 2) return convert(files[0], files[1], prefix);
  fail("command line: expected inspect FILE or convert FILE OUT.safetensors; see --help");
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  return lcr::run_main("lcr-weights", [&] { return lcr::run(argc, argv); });
}
