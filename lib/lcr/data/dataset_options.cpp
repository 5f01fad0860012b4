#include "lcr/data/dataset_options.h"

#include "lcr/config/section.h"
#include "lcr/data/catalogue.h"

namespace lcr {

std::vector<OptionSpec> dataset_options() {
  Section<DatasetOptions> s("Data");
  s.choice("dataset", &DatasetOptions::dataset,
           "data set; synthbirds-standin has other species and objects, for supervised "
           "pre-training",
           names_of(datasets()));
  s.text("classes", &DatasetOptions::classes, "LIST",
         "classes to use, renumbered from 0: all; every-N: classes 0, N, 2 N and so on; or a text "
         "file with one class number per line");
  s.number("limit-train", &DatasetOptions::limit_train, "images",
           "number of training images to use, balanced over classes (0: all)", 0, kMany);
  s.number("limit-test", &DatasetOptions::limit_test, "images",
           "number of test images to use, balanced over classes (0: all)", 0, kMany);
  return s.rows();
}

std::vector<OptionSpec> image_file_options() {
  Section<ImageFileOptions> s("Data");
  s.number("store-side", &ImageFileOptions::store_side, "pixels",
           "maximum length of an image's short side in the pixel store (0: full resolution)", 0,
           4096);
  return s.rows();
}

std::vector<OptionSpec> data_folder_options() {
  Section<DataFolderOptions> s("Control", OptionPart::kControl);
  s.text("data-dir", &DataFolderOptions::data_dir, "DIR",
         "directory of the data sets (default: $LCR_DATA, else ./data)");
  s.text("pixel-store", &DataFolderOptions::pixel_store, "DIR",
         "directory of the decoded images (default: pixel-store in the data directory)");
  s.number("skip-bad", &DataFolderOptions::skip_bad, "images",
           "leave out up to this many image files that cannot be decoded, and list them", 0, kMany);
  return s.rows();
}

}  // namespace lcr
