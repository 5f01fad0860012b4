#include "lcr/image/image_file.h"

#include <algorithm>
#include <fstream>
#include <tuple>

#include <gtest/gtest.h>

#include "lcr/base/hashing.h"
#include "lcr/image/png_file.h"
#include "tests/support/files.h"
#include "tests/support/images.h"

namespace lcr {
namespace {

using testing::expect_user_error;
using Bytes = std::vector<std::uint8_t>;

std::string pixels_sha256(const RgbImage& image) {
  return sha256_hex({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()});
}

/// Calls `check(name, bytes, entry)` for the JPEG files of every kind.
template <typename Check>
void for_each_jpeg(Check check) {
  for (const auto& file : testing::image_file_goldens())
    if (const std::string name = file["name"]; name.starts_with("jpeg"))
      check(name, testing::from_hex(file["bytes"]), file);
}

/// The first `keep` bytes, then zeros up to `size`.
Bytes cut_and_filled(const Bytes& bytes, std::size_t keep, std::size_t size) {
  Bytes out(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(keep));
  out.resize(size);
  return out;
}

Bytes cut(const Bytes& bytes, std::size_t keep) { return cut_and_filled(bytes, keep, keep); }

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

// PNG: every colour type, depth and interlacing, gamma and profiles; JPEG: every sampling of luma,
// samplings of chroma, colour space and process.
TEST(ImageFile, DecodesEveryKindAsPillow) {
  for (const auto& file : testing::image_file_goldens()) {
    const std::string name = file["name"];
    const RgbImage image = decode_image(testing::from_hex(file["bytes"]), name);
    EXPECT_EQ(image.height, file["height"].get<std::int64_t>()) << name;
    EXPECT_EQ(image.width, file["width"].get<std::int64_t>()) << name;
    EXPECT_EQ(pixels_sha256(image), file["sha256"].get<std::string>()) << name;
  }
}

TEST(ImageFile, JpegWithoutEndMarkerIsReadIfAllImageDataAreThere) {
  for_each_jpeg([](const std::string& name, const Bytes& bytes, const nlohmann::json& golden) {
    SCOPED_TRACE(name);
    for (const std::size_t lost : {1, 2}) {
      const Bytes shorter = cut(bytes, bytes.size() - lost);
      if (name.find("arithmetic") != std::string::npos) {  // does not tell where its data end
        expect_user_error([&] { decode_image(shorter, "a.jpg"); }, "a.jpg", "image data");
        continue;
      }
      EXPECT_EQ(pixels_sha256(decode_image(shorter, "a.jpg")), golden["sha256"].get<std::string>());
      for (const int side : {1, 6, 11})
        EXPECT_EQ(decode_image(shorter, "a.jpg", side).pixels,
                  decode_image(bytes, "a.jpg", side).pixels)
            << side;
    }
  });
}

TEST(ImageFile, JpegThatLacksImageDataIsRefused) {
  for_each_jpeg([](const std::string& name, const Bytes& bytes, const nlohmann::json&) {
    SCOPED_TRACE(name);
    // Within the image data, at the ends of scans, in the headers.
    for (std::size_t lost = 4; lost <= bytes.size(); lost += lost < 40 ? 1 : 7) {
      SCOPED_TRACE(lost);
      const std::size_t keep = bytes.size() - lost;
      expect_user_error([&] { decode_image(cut(bytes, keep), "a.jpg"); }, "a.jpg");
      // As a download leaves it that reserves the room first.
      for (const std::size_t size : {bytes.size(), 2 * bytes.size()})
        expect_user_error([&] { decode_image(cut_and_filled(bytes, keep, size), "a.jpg"); },
                          "a.jpg");
    }
  });
}

TEST(ImageFile, StrayBytesInAJpegAreHarmlessOnlyBeforeAMarker) {
  const Bytes bytes = testing::image_file("4:2:0");
  Bytes stray = bytes;
  stray.insert(stray.end() - 2, {0, 0, 0});
  EXPECT_EQ(decode_image(stray, "x").pixels, decode_image(bytes, "x").pixels);
  stray.insert(stray.end(), 100, 0);  // what follows the end marker is not read
  EXPECT_EQ(decode_image(stray, "x").pixels, decode_image(bytes, "x").pixels);
  // A first, harmless warning hides no second one.
  Bytes lossy = cut(bytes, bytes.size() - 20);
  lossy.insert(lossy.end(), {0xFF, 0xD9});
  constexpr std::uint8_t kTables[] = {0xFF, 0xDB};
  const auto tables =
      std::search(lossy.begin(), lossy.end(), std::begin(kTables), std::end(kTables));
  lossy.insert(tables, {0, 0, 0});
  expect_user_error([&] { decode_image(lossy, "lossy.jpg"); }, "lossy.jpg", "data segment");
}

TEST(ImageFile, JpegOfTooManyScansIsRefused) {
  Bytes bytes = testing::image_file("progressive");
  std::size_t last = bytes.size();
  while (!(bytes[last - 2] == 0xFF && bytes[last - 1] == 0xDA)) --last;
  const Bytes scan(bytes.begin() + static_cast<std::ptrdiff_t>(last) - 2, bytes.end() - 2);
  bytes.resize(bytes.size() - 2);
  for (int i = 0; i < 500; ++i) bytes.insert(bytes.end(), scan.begin(), scan.end());
  bytes.insert(bytes.end(), {0xFF, 0xD9});
  expect_user_error([&] { decode_image(bytes, "slow.jpg"); }, "slow.jpg", "500 scans");
}

TEST(ImageFile, EmptyFilesAndOtherFormatsAreNamed) {
  const testing::TemporaryFolder folder;
  std::ofstream(folder / "empty.jpg");
  expect_user_error([&] { read_image(folder / "empty.jpg"); }, "empty.jpg", "is empty (0 bytes)");
  using namespace std::string_literals;
  for (const auto& [start, what, advice] :
       {std::tuple("RIFF\x24\0\0\0WEBPVP8 "s, "WebP", "convert"),
        std::tuple("GIF89a\1\0\1\0"s, "GIF", "convert"),
        std::tuple("BM\x46\0\0\0\0\0\0\0\x36\0\0\0"s, "BMP", "convert"),
        std::tuple("II*\0\x08\0\0\0"s, "TIFF", "convert"),
        std::tuple("MM\0*\0\0\0\x08"s, "TIFF", "convert"),
        std::tuple("\0\0\0\x1C"
                   "ftypavif\0\0\0\0"s,
                   "AVIF", "convert"),
        std::tuple("\0\0\0\x18"
                   "ftypheic\0\0\0\0"s,
                   "HEIF", "convert"),
        std::tuple("\0\0\0\x0CjP  \r\n\x87\n"s, "JPEG 2000", "convert"),
        std::tuple("\0\0\0\x0CJXL \r\n\x87\n"s, "JPEG XL", "convert"),
        std::tuple("P6\n1 1\n255\nabc"s, "PPM", "convert"),
        std::tuple("8BPS\0\1"s, "Photoshop", "convert"),
        std::tuple("\0\5\x16\7\0\2\0\0Mac OS X"s, "AppleDouble", "remove"),
        std::tuple("PK\3\4\x14\0"s, "ZIP", "unpack"),
        std::tuple("\x1F\x8B\x08\0"s, "gzip", "unpack"),
        std::tuple("plain text"s, "70 6c 61 69 6e 20 74 65;", "convert"),
        std::tuple("B"s, "begins with the bytes 42;", "convert")}) {
    expect_user_error(
        [&, &bytes = start] {
          decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                       "a.jpg");
        },
        "a.jpg", what, advice, "JPEG");
  }
  for (const auto& [start, what, advice] :
       {std::tuple("version https://git-lfs.github.com/spec/v1\noid"s, "Git LFS", "git lfs pull"),
        std::tuple("<!DOCTYPE html>\n<html>"s, "web page", "fetch the file again")})
    expect_user_error(
        [&, &bytes = start] {
          decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                       "a.jpg");
        },
        "a.jpg", what, advice);
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
  const std::string png = "89504e470d0a1a0a0000000d49484452";
  const std::string no_data = "0000000849444154789c030000000001480689d2";
  for (const char* size : {"0000ea600000ea6008020000000fb0e215",   // 60,000 x 60,000
                           "000000000000000108020000007fb538e0"})  // 0 x 1
    expect_user_error([&] { decode_image(testing::from_hex(png + size + no_data), "a.png"); },
                      "a.png");
}

TEST(ImageFile, PngThatLacksImageDataIsRefused) {
  for (const auto& file : testing::image_file_goldens()) {
    const std::string name = file["name"];
    if (!name.starts_with("png")) continue;
    SCOPED_TRACE(name);
    const Bytes bytes = testing::from_hex(file["bytes"]);
    constexpr std::size_t kEndChunk = 12, kChecksums = 8;  // IEND; zlib's and IDAT's
    const std::size_t data_end =
        bytes.size() - (name.find("without end") == std::string::npos ? kEndChunk : 0);
    EXPECT_EQ(pixels_sha256(decode_image(cut(bytes, data_end), name)),
              file["sha256"].get<std::string>());
    for (std::size_t lost = 1; lost <= data_end; lost += lost < 2 * kChecksums ? 1 : 5)
      expect_user_error([&] { decode_image(cut(bytes, data_end - lost), "a.png"); }, "a.png");
    Bytes flipped = bytes;
    flipped[data_end - kChecksums - 1] ^= 0x55;
    expect_user_error([&] { decode_image(flipped, "a.png"); }, "a.png", "damaged PNG");
  }
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
