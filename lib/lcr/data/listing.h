// What a data set's lists say about its image files, before any of them is decoded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lcr {

/// A rectangle in pixels of the original image, as lists give it.
struct ListedBox {
  double x, y, width, height;
};

/// A part's location in pixels of the original image.
struct ListedPart {
  double x, y;
  bool visible;
};

struct ListedImage {
  std::string path;  ///< relative to the data set's root
  std::int32_t label = 0;
  std::optional<ListedBox> box;        ///< of the object
  std::vector<ListedPart> parts;       ///< in the order of part_names
  std::int64_t width = 0, height = 0;  ///< of the original image; 0: as the file is
};

struct Listing {
  std::string name, title;
  std::filesystem::path root;
  std::vector<std::string> class_names;
  std::vector<std::string> part_names;
  std::vector<ListedImage> train, test;
  std::int64_t cut_bottom = 0;  ///< rows at the bottom of every image that do not belong to it

  std::int64_t class_count() const { return static_cast<std::int64_t>(class_names.size()); }
};

/// Throws UserError naming `source` unless `path` is relative and stays below the folder it is
/// relative to.
void require_inner_path(const std::string& path, const std::string& source);

/// CUB-200-2011 as the official archive unpacks: images.txt, image_class_labels.txt,
/// train_test_split.txt, classes.txt; bounding_boxes.txt and parts/ where they are there.
/// original_sizes.txt ("id width height") may say what sizes boxes and parts refer to, if the
/// images were resized since.
Listing list_cub200(const std::filesystem::path& root);

/// Stanford Cars: the official cars_train/, cars_test/, devkit/ and cars_test_annos_withlabels.mat
/// (in devkit/ or beside it), or train/CLASS/ and test/CLASS/ as the authors' code has it.
Listing list_stanford_cars(const std::filesystem::path& root);

/// FGVC-Aircraft 2013b by variant, trainval for training; the copyright banner of 20 rows is cut
/// off.
Listing list_fgvc_aircraft(const std::filesystem::path& root);

/// train/CLASS/*.jpg and test/CLASS/*.jpg (also .jpeg, .png); classes and images in alphabetical
/// order. Both splits must have the same classes.
Listing list_image_folder(const std::filesystem::path& root);

}  // namespace lcr
