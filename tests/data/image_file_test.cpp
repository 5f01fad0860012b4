#include "lcr/data/image_file.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/images.h"

namespace lcr {
namespace {

using testing::expect_user_error;

TEST(ImageFile, DecodesAsPillow) {
  for (const auto& file : testing::pixel_goldens()["files"]) {
    const std::string name = file["name"];
    const RgbImage image = decode_image(testing::from_hex(file["bytes"]), name);
    ASSERT_EQ(image.height, file["height"].get<std::int64_t>()) << name;
    ASSERT_EQ(image.width, file["width"].get<std::int64_t>()) << name;
    const auto expected = file["pixels"].get<std::vector<std::uint8_t>>();
    ASSERT_EQ(image.pixels.size(), expected.size());
    int worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(image.pixels[i] - expected[i]));
    EXPECT_EQ(worst, 0) << name;
  }
}

TEST(ImageFile, DecodesAtASmallerScaleThatKeepsTheShortSide) {
  const auto bytes = testing::image_file("4:4:4");  // 26 x 20
  for (const auto& [side, height] : {std::pair(20, 20), std::pair(11, 13), std::pair(10, 10),
                                     std::pair(4, 5), std::pair(1, 3)}) {
    const RgbImage image = decode_image(bytes, "x", side);
    EXPECT_GE(image.height, side);
    EXPECT_LE(image.height, height) << side;
    EXPECT_EQ(image.source_height, 20);
    EXPECT_EQ(image.source_width, 26);
  }
}

TEST(ImageFile, DamagedFilesAreRefused) {
  for (const char* name : {"4:2:0", "progressive", "cmyk", "png"}) {
    const auto bytes = testing::image_file(name);
    for (const std::size_t keep :
         {std::size_t{0}, std::size_t{3}, std::size_t{20}, bytes.size() / 2, bytes.size() - 20}) {
      const std::vector<std::uint8_t> cut(bytes.begin(),
                                          bytes.begin() + static_cast<std::ptrdiff_t>(keep));
      expect_user_error([&] { decode_image(cut, "broken"); }, "broken");
    }
  }
  const std::string text = "neither JPEG nor PNG";
  expect_user_error(
      [&] {
        decode_image({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, "text.jpg");
      },
      "text.jpg");
  expect_user_error([] { read_image("/no/such.jpg"); }, "/no/such.jpg");
  // A header that claims 61,423 x 61,423 pixels must not allocate them.
  auto huge = testing::image_file("4:4:4");
  for (std::size_t i = 0; i + 9 < huge.size(); ++i)
    if (huge[i] == 0xFF && huge[i + 1] == 0xC0) {
      for (std::size_t k = 5; k < 9; ++k) huge[i + k] = 0xEF;  // 61,423
      break;
    }
  expect_user_error([&] { decode_image(huge, "huge.jpg"); }, "huge.jpg");
}

TEST(ImageFile, PngRoundTrip) {
  const testing::TemporaryFolder folder;
  const RgbImage image = decode_image(testing::image_file("png"), "x");
  write_png(folder / "out.png", image.pixels, image.height, image.width);
  EXPECT_EQ(read_image(folder / "out.png").pixels, image.pixels);
  expect_user_error(
      [&] { write_png(folder / "absent" / "out.png", image.pixels, image.height, image.width); },
      "out.png");
}

}  // namespace
}  // namespace lcr
