// What a data set's lists say about its image files, before any is decoded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lcr {

/// A rectangle in pixels of the original image, as the lists give it.
struct ListedBox {
  double x, y, width, height;
};

/// A part's location in pixels of the original image.
struct ListedPart {
  double x, y;
  bool visible;
};

/// One image file of a data set.
struct ListedImage {
  std::string path;  ///< relative to the data set's root
  std::int32_t label = 0;
  std::optional<ListedBox> box;        ///< of the object
  std::vector<ListedPart> parts;       ///< in the order of part_names
  std::int64_t width = 0, height = 0;  ///< of the original image; 0: the file's own
};

/// A file or folder of a data set that is not read.
struct PassedOver {
  std::string path;    ///< relative to the data set's root
  std::string reason;  ///< an extension in lower case, or what else it is
};

/// The image files of both splits, with their classes.
struct Listing {
  std::string name, title;
  std::filesystem::path root;
  std::vector<std::string> class_names;
  std::vector<std::string> part_names;
  std::vector<ListedImage> train, test;
  std::vector<PassedOver> train_passed, test_passed;  ///< below train/ and test/ of image folders
  /// It is in its own folder of the data directory; not any folder of the user's.
  bool has_fixed_place = true;
  std::int64_t cut_bottom = 0;  ///< rows at the bottom of every image that are not part of it

  std::int64_t class_count() const { return static_cast<std::int64_t>(class_names.size()); }
};

/// Throws UserError naming `source` unless `path` is relative and stays within its folder.
void require_inner_path(const std::string& path, const std::string& source);

/// Each reason with its number and an example, the most frequent first: "8 .webp
/// (train/b/1.webp), 1 hidden (train/.cache)".
std::string describe(const std::vector<PassedOver>& passed);

/// What was passed over in both splits, in one line; empty if nothing was.
std::string describe_passed(const Listing& listing);

/// A warning about class names that differ only in upper and lower case; empty if none do.
std::string describe_similar_names(const Listing& listing);

// `digests`: of each image's pixels, those of train before those of test; empty: not decoded.

/// A warning about test images with the pixels of a training image; empty if there are none.
std::string describe_shared_images(const Listing& listing, const std::vector<std::string>& digests);

/// The classes that lost all of their images in a split, as "owl (test)", with commas between them;
/// empty if none did.
std::string describe_lost_classes(const Listing& listing, const std::vector<std::string>& digests);

// The list_...() functions throw UserError naming the file if one is missing or malformed.

/// CUB-200-2011 as the official archive unpacks: images.txt, image_class_labels.txt,
/// train_test_split.txt and classes.txt; bounding_boxes.txt and parts/ are optional, as is
/// original_sizes.txt ("id width height"): the sizes that boxes and parts refer to, if the images
/// were resized since.
Listing list_cub200(const std::filesystem::path& root);

/// Stanford Cars: the official cars_train/, cars_test/, devkit/ and cars_test_annos_withlabels.mat
/// (in devkit/ or next to it), or train/CLASS/ and test/CLASS/ as in the authors' code.
Listing list_stanford_cars(const std::filesystem::path& root);

/// FGVC-Aircraft 2013b: variants as classes, trainval for training; cut_bottom is the copyright
/// banner of 20 rows.
Listing list_fgvc_aircraft(const std::filesystem::path& root);

/// train/CLASS/ and test/CLASS/, with the .jpg, .jpeg and .png files at any depth below them, in
/// the order of torchvision's ImageFolder. Links are followed, but not to a folder above them.
/// Names with a leading dot and __MACOSX are neither classes nor images; train_passed and
/// test_passed have them and everything else that is not read. Both splits must have the same
/// classes, each with an image.
Listing list_image_folder(const std::filesystem::path& root);

}  // namespace lcr
