#include "lcr/data/stanford_cars.h"

#include <cmath>

#include "lcr/base/error.h"
#include "lcr/data/data_directory.h"
#include "lcr/data/listing.h"
#include "lcr/data/mat_file.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// Reads a variable and checks that it has the kind that the devkit gives it, and entries.
MatArray read_variable(const fs::path& path, const std::string& name, MatArray::Kind kind) {
  auto variables = read_mat(path);
  const auto found = variables.find(name);
  if (found == variables.end() || found->second.kind != kind || found->second.count() == 0)
    fail("{}: has no variable '{}' of the devkit's kind", path.string(), name);
  return std::move(found->second);
}

const std::string& text_of(const MatArray* array, const fs::path& path) {
  if (!array || array->kind != MatArray::Kind::kText || array->text.empty())
    fail("{}: a name is missing", path.string());
  return array->text;
}

double number_of(const MatArray* array, const fs::path& path) {
  if (!array || array->kind != MatArray::Kind::kNumbers || array->numbers.size() != 1 ||
      !std::isfinite(array->numbers[0]))
    fail("{}: a number is missing", path.string());
  return array->numbers[0];
}

std::vector<std::string> read_class_names(const fs::path& path) {
  const MatArray names = read_variable(path, "class_names", MatArray::Kind::kCells);
  std::vector<std::string> out;
  for (const auto& name : names.elements) out.push_back(text_of(&name, path));
  return out;
}

std::vector<ListedImage> read_annotations(const fs::path& path, const std::string& folder,
                                          std::int64_t class_count) {
  const MatArray annotations = read_variable(path, "annotations", MatArray::Kind::kStructs);
  std::vector<ListedImage> images;
  for (std::int64_t i = 0; i < annotations.count(); ++i) {
    const auto field = [&](const char* name) { return annotations.field(name, i); };
    const MatArray* label_field = field("class");
    if (!label_field)
      fail("{}: has no classes; the test images' labels are in cars_test_annos_withlabels.mat",
           path.string());
    const double label = number_of(label_field, path);
    if (!(label >= 1 && label <= static_cast<double>(class_count)) || label != std::floor(label))
      fail("{}: image {} has class {}, not a whole number from 1 to {}", path.string(), i + 1,
           label, class_count);
    const std::string& name = text_of(field("fname"), path);
    require_inner_path(name, path.string());
    const double x1 = number_of(field("bbox_x1"), path);
    const double y1 = number_of(field("bbox_y1"), path);
    const double x2 = number_of(field("bbox_x2"), path);
    const double y2 = number_of(field("bbox_y2"), path);
    // Classes and pixels are counted from 1; both corners are inside the box.
    images.push_back({.path = folder + "/" + name,
                      .label = static_cast<std::int32_t>(label) - 1,
                      .box = ListedBox{x1 - 1, y1 - 1, x2 - x1 + 1, y2 - y1 + 1}});
  }
  return images;
}

}  // namespace

Listing list_stanford_cars(const fs::path& root) {
  if (!fs::exists(root / "devkit") && fs::is_directory(root / "train")) {
    Listing listing = list_image_folder(root);
    listing.name = "stanford-cars";
    listing.title = "Stanford Cars";
    return listing;
  }
  Listing listing{.name = "stanford-cars",
                  .title = "Stanford Cars",
                  .root = root,
                  .class_names = read_class_names(root / "devkit" / "cars_meta.mat")};
  listing.train = read_annotations(root / "devkit" / "cars_train_annos.mat", "cars_train",
                                   listing.class_count());
  const char* test = "cars_test_annos_withlabels.mat";
  listing.test = read_annotations(fs::exists(root / test) ? root / test : root / "devkit" / test,
                                  "cars_test", listing.class_count());
  return listing;
}

DatasetSpec stanford_cars_dataset() {
  return {.name = "stanford-cars", .list = [](const Options& options) {
            const DatasetDescriptor descriptor = descriptor_of("stanford-cars");
            return checked(list_stanford_cars(need_directory(options, descriptor)), descriptor);
          }};
}

}  // namespace lcr
