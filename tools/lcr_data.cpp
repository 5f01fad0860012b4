// lcr-data: lists, downloads, verifies, packs and shows the data sets of datasets/.
#include <algorithm>
#include <mutex>

#include <fmt/core.h>

#include "lcr/base/arguments.h"
#include "lcr/base/cores.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/parallel.h"
#include "lcr/base/progress.h"
#include "lcr/base/signals.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/data/archive.h"
#include "lcr/data/catalogue.h"
#include "lcr/data/contact_sheet.h"
#include "lcr/data/data_directory.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/datasets.h"
#include "lcr/data/descriptor.h"
#include "lcr/data/fetch.h"
#include "lcr/data/pixel_store.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/option_table.h"
#include "lcr/image/image_file.h"
#include "lcr/image/view_options.h"
#include "tools/dataset_places.h"

namespace lcr {
namespace {
namespace fs = std::filesystem;
namespace po = boost::program_options;

struct Command {
  Options options;
  int threads = 1;
  ContactSheetOptions sheet;
  std::string out, split = "train";
  bool keep_archives = false;
};

/// The experiments' options that also apply here; option_table() has their meanings.
constexpr const char* kShared[] = {"data-dir",      "pixel-store",        "folder",
                                   "store-side",    "skip-bad",           "threads",
                                   "image-size",    "test-resize",        "augmentation",
                                   "crop-area-min", "synthbirds-classes", "limit-train",
                                   "limit-test",    "test-interpolation", "gaussian-blur"};

fs::path descriptors() { return suite_home() / "datasets"; }

DatasetDescriptor find_descriptor(const std::string& name) {
  const auto names = descriptor_names(descriptors());
  if (std::find(names.begin(), names.end(), name) == names.end())
    fail("no data set '{}' in {}; it has {}", name, descriptors().string(), join(names, ", "));
  return read_descriptor(descriptors() / (name + ".json"));
}

std::string counts_text(const DatasetDescriptor& d) {
  return d.kind == "images"
             ? fmt::format("{} classes, {} training and {} test images", d.classes, d.train, d.test)
             : "weights";
}

int list(const Command& command) {
  fmt::print("{:<18} {:<62} {:<52} {}\n", "name", "title", "holds",
             "in " + data_directory(command.options).string());
  for (const auto& name : descriptor_names(descriptors())) {
    const auto d = read_descriptor(descriptors() / (name + ".json"));
    fmt::print("{:<18} {:<62} {:<52} {}\n", d.name, d.title, counts_text(d),
               is_there(d, command.options) ? "present" : "-");
  }
  for (const auto& spec : datasets())
    if (!spec.title.empty())
      fmt::print("{:<18} {:<62} {:<52} {}\n", spec.name, spec.title, spec.holds, "-");
  return kDone;
}

void print_terms(const DatasetDescriptor& d) {
  fmt::print("{}\n  home     {}\n  licence  {}\n  cite     {}\n", d.title, d.homepage, d.licence,
             d.citation);
  if (!d.notes.empty()) fmt::print("  note     {}\n", d.notes);
}

int info(const DatasetDescriptor& d, const Command& command) {
  print_terms(d);
  fmt::print("  holds    {}\n  place    {} ({})\n", counts_text(d),
             directory_of(d, command.options).string(),
             is_there(d, command.options) ? "present" : "not present");
  for (const auto& file : d.files) {
    fmt::print("  file     {}\n           {}\n", file.name, file.url);
    if (file.bytes > 0) fmt::print("           {} bytes\n", file.bytes);
    for (const auto& [kind, sum] :
         {std::pair("MD5", file.md5), std::pair("SHA-256", file.sha256),
          std::pair("SHA-256 of the decompressed content", file.content_sha256)})
      if (!sum.empty()) fmt::print("           {} {}\n", kind, sum);
  }
  return kDone;
}

/// Reads the lists or records and compares them with the descriptor. Returns a description of what
/// was found. Throws UserError if they differ.
std::string check_content(const DatasetDescriptor& d, const Command& command) {
  Options options = command.options;
  options.get<DatasetOptions>().dataset = d.name;
  if (d.kind == "weights") return "weights";
  if (has_image_files(options)) {
    const Listing listing = list_dataset(options);
    return fmt::format("{} classes, {} training and {} test images", listing.class_count(),
                       listing.train.size(), listing.test.size());
  }
  const Dataset data = load_dataset(options, command.threads);
  return fmt::format("{} classes, {} training and {} test images", data.train.class_count,
                     data.train.count(), data.test.count());
}

int fetch(const DatasetDescriptor& d, const Command& command) {
  print_terms(d);
  std::fflush(stdout);
  const fs::path data = data_directory(command.options);
  const fs::path directory = directory_of(d, command.options);
  require_writable_directory(data);
  const FileLock lock(data / ("." + d.name + ".lock"));
  const auto unpacks = [](const RemoteFile& file) { return file.unpack; };
  const bool archives = std::any_of(d.files.begin(), d.files.end(), unpacks);
  // While this file exists, the directory is the incomplete result of a call that stopped. The
  // marker of an archive says that it is already unpacked.
  const fs::path unfinished = data / "downloads" / (d.name + ".unfinished");
  const auto marker = [&](const RemoteFile& file) {
    return data / "downloads" / (file.name + ".unpacked");
  };
  // Removes the markers and, unless they are to be kept, their archives.
  const auto clear = [&] {
    for (const auto& file : d.files) {
      if (!fs::exists(marker(file))) continue;
      if (!command.keep_archives) fs::remove(target_of(d, file, command.options));
      fs::remove(marker(file));
    }
  };
  if (archives && fs::exists(directory) && !fs::exists(unfinished)) {
    fmt::print("{}: there already: {}\n", directory.string(), check_content(d, command));
    clear();  // left over if an earlier call was killed just before it ended
    return kDone;
  }
  for (const auto& file : d.files)
    if (file.unpack && !fs::exists(marker(file)))
      fetch_file(file, target_of(d, file, command.options));
  require_writable_directory(unfinished.parent_path());
  write_atomic(unfinished, "by lcr-data\n");
  for (const auto& file : d.files)
    if (!file.unpack) fetch_file(file, target_of(d, file, command.options));
  for (const auto& file : d.files) {
    if (!file.unpack || fs::exists(marker(file))) continue;
    unpack_archive(target_of(d, file, command.options), data / d.unpack_into);
    write_atomic(marker(file), "by lcr-data\n");
  }
  const std::string found = check_content(d, command);
  fs::remove(unfinished);
  clear();
  fmt::print("{}: {}\n", directory.string(), found);
  return kDone;
}

/// What decoding every image file of a listing gave, train before test.
struct Decoded {
  std::vector<std::string> digests;  ///< of the pixels; empty: not decoded
  std::vector<std::string> reasons;  ///< why it cannot be decoded
};

Decoded decode_all(const Listing& listing, int threads) {
  std::vector<const ListedImage*> images;
  for (const auto* split : {&listing.train, &listing.test})
    for (const auto& image : *split) images.push_back(&image);
  Decoded decoded{std::vector<std::string>(images.size()), std::vector<std::string>(images.size())};
  Progress progress("decode images", static_cast<std::int64_t>(images.size()), "images");
  std::mutex mutex;
  std::int64_t done = 0;
  parallel_for(static_cast<std::int64_t>(images.size()), threads, [&](std::int64_t i) {
    if (stop_requested()) throw Interrupted("stopped by a signal; nothing was changed");
    const auto at = static_cast<std::size_t>(i);
    try {
      const RgbImage image = read_image(listing.root / images[at]->path);
      decoded.digests[at] =
          sha256_hex({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()});
    } catch (const UserError& e) {
      decoded.reasons[at] = e.what();
    }
    const std::lock_guard lock(mutex);
    progress.update(++done);
  });
  return decoded;
}

/// Prints how many files of a split were seen, read and passed over. Its digests start at `first`.
void print_split(const char* name, const std::vector<ListedImage>& images,
                 std::vector<PassedOver> passed, const Decoded& decoded, std::size_t first) {
  const std::size_t seen = images.size() + passed.size();
  for (std::size_t i = 0; i < images.size(); ++i)
    if (decoded.digests[first + i].empty()) passed.push_back({images[i].path, "undecodable"});
  fmt::print("{}: {} files seen, {} read, {} passed over{}{}\n", name, seen, seen - passed.size(),
             passed.size(), passed.empty() ? "" : ": ", describe(passed));
}

int verify(const std::string& name, const Command& command) {
  Options options = command.options;
  options.get<DatasetOptions>().dataset = name;
  const bool has_descriptor = std::none_of(
      datasets().begin(), datasets().end(),
      [&](const DatasetSpec& spec) { return spec.name == name && !spec.title.empty(); });
  if (has_descriptor) {
    const DatasetDescriptor d = find_descriptor(name);
    for (const auto& file : d.files) {
      const fs::path path = target_of(d, file, options);
      std::string reason;
      // An archive that was unpacked and removed, or another layout: the content is checked below.
      if (d.kind == "images" && !fs::exists(path)) continue;
      if (!matches(file, path, reason)) fail("{}: {}", path.string(), reason);
      fmt::print("{}: checksums match\n", path.string());
    }
    fmt::print("{}: {}: matches datasets/{}.json\n", d.title, check_content(d, command), name);
    if (d.kind == "weights" || !has_image_files(options)) return kDone;
  }
  if (!has_image_files(options)) fail("{}: has no files to verify", name);
  const Listing listing = list_dataset(options);
  const Decoded decoded = decode_all(listing, command.threads);
  for (const auto& reason : decoded.reasons)
    if (!reason.empty()) fmt::print("bad: {}\n", reason);
  print_split("train", listing.train, listing.train_passed, decoded, 0);
  print_split("test", listing.test, listing.test_passed, decoded, listing.train.size());
  for (const auto& remark :
       {describe_similar_names(listing), describe_shared_images(listing, decoded.digests)})
    if (!remark.empty()) fmt::print("{}\n", remark);
  if (const auto file = pixel_store_file(listing, options); fs::exists(file)) {
    const std::string reason = check_pixel_store(file, command.threads);
    fmt::print("{}: {}\n", file.string(),
               reason.empty() ? "whole" : reason + "; it will be rebuilt at its next use");
  }
  if (const auto bad = std::count(decoded.digests.begin(), decoded.digests.end(), ""); bad > 0) {
    const std::string lost = describe_lost_classes(listing, decoded.digests);
    fail("{}: {} of {} image files cannot be decoded (listed above){}{}", listing.root.string(),
         bad, decoded.digests.size(),
         lost.empty() ? "" : "; these are all images of a class: ", lost);
  }
  fmt::print("{}: all {} image files that are read can be decoded\n", listing.root.string(),
             decoded.digests.size());
  return kDone;
}

int pack(const std::string& name, const Command& command) {
  Options options = command.options;
  options.get<DatasetOptions>().dataset = name;
  if (!has_image_files(options))
    fail("{} has no image files to pack; it needs no pixel store", name);
  const Dataset data = load_dataset(options, command.threads);
  const auto file = pixel_store_file(list_dataset(options), options);
  fmt::print("{}: {} training and {} test images, {:.1f} MiB\n", file.string(), data.train.count(),
             data.test.count(), static_cast<double>(fs::file_size(file)) / (1 << 20));
  return kDone;
}

int show(const std::string& name, const Command& command) {
  Options options = command.options;
  options.get<DatasetOptions>().dataset = name;
  std::vector<std::string> class_names;
  if (has_image_files(options)) class_names = list_dataset(options).class_names;
  const Dataset data = load_dataset(options, command.threads);
  const std::string out = command.out.empty() ? name + ".png" : command.out;
  const ImageSet& set = command.split == "test" ? data.test : data.train;
  draw_contact_sheet(set, class_names, options, command.sheet, out);
  fmt::print("{}: {} images of the {} split\n", out, std::min(command.sheet.images, set.count()),
             command.split);
  return kDone;
}

std::string help(const po::options_description& description) {
  return "lcr-data: manages the data sets of the suite\n\n"
         "Usage: lcr-data list           lists the data sets\n"
         "       lcr-data info NAME      prints origin, licence, citation, checksums\n"
         "       lcr-data fetch NAME     downloads, verifies and unpacks\n"
         "       lcr-data verify NAME    checks checksums, lists, every image, the pixel store;\n"
         "                               says what is read of each split and what is passed over\n"
         "       lcr-data pack NAME      builds the pixel store (experiments do so themselves if "
         "it is missing)\n"
         "       lcr-data show NAME      draws samples and their random views\n\n"
         "NAME is a name from 'lcr-data list'. Exit codes: 0 done, 1 internal error, 2 bad input, "
         "3 stopped by a signal.\n\n" +
         list_options(description);
}

int run(int argc, char** argv) {
  Command command;
  command.options.get<InputOptions>().image_size = 128;
  std::string verb, name;
  po::options_description description("Options");
  auto add_option = description.add_options();
  for (const char* shared : kShared)
    add_option(shared, po::value<std::string>(), find_option(shared, "").meaning);
  add_option("out", po::value(&command.out), "show: the PNG file (default: NAME.png)");
  add_option("images", po::value(&command.sheet.images), "show: number of samples");
  add_option("views", po::value(&command.sheet.views), "show: random views per sample");
  add_option("seed", po::value(&command.sheet.seed), "show: seed of the samples and views");
  add_option("split", po::value(&command.split), "show: train or test");
  add_option("keep-archives", po::bool_switch(&command.keep_archives),
             "fetch: keep the unpacked archives in DATA/downloads");
  add_option("help", "print this help");
  const auto values = parse_arguments(argc, argv, description,
                                      {{"verb", po::value(&verb)}, {"name", po::value(&name)}});
  if (values.contains("help")) {
    fmt::print("{}", help(description));
    return kDone;
  }
  for (const char* shared : kShared)
    if (values.contains(shared))
      set_option(command.options, shared, values[shared].as<std::string>(), "command line");
  check_consistency(command.options);
  if (command.split != "train" && command.split != "test")
    fail("command line: split = '{}' is not one of train, test", command.split);
  if (command.sheet.images < 1 || command.sheet.images > 1000 || command.sheet.views < 0 ||
      command.sheet.views > 100)
    fail("command line: images must be 1 to 1000, views 0 to 100");
  command.threads = command.options.get<ExecutionOptions>().threads > 0
                        ? static_cast<int>(command.options.get<ExecutionOptions>().threads)
                        : usable_cores();
  watch_signals();
  if (verb == "list") return list(command);
  const bool known =
      verb == "info" || verb == "fetch" || verb == "verify" || verb == "pack" || verb == "show";
  if (!known)
    fail("command line: unknown command '{}'; use list, info, fetch, verify, pack or show", verb);
  if (name.empty())
    fail("command line: {} needs a data set: lcr-data {} NAME; 'lcr-data list' shows the names",
         verb, verb);
  if (verb == "info") return info(find_descriptor(name), command);
  if (verb == "fetch") return fetch(find_descriptor(name), command);
  if (verb == "verify") return verify(name, command);
  set_option(command.options, "dataset", name, "command line");
  return verb == "pack" ? pack(name, command) : show(name, command);
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  return lcr::run_main("lcr-data", [&] { return lcr::run(argc, argv); });
}
