// Files of torch.save against what Debian's PyTorch saved (tests/golden/make_weight_files.py), and
// hostile files.
#include "lcr/data/torch_file.h"

#include <fstream>

#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "lcr/data/pickle.h"
#include "lcr/data/safetensors.h"
#include "tests/support/files.h"

namespace lcr {
namespace {

using testing::expect_user_error;
using testing::TemporaryFolder;
using testing::write_bytes;

const std::filesystem::path kFiles = std::filesystem::path(LCR_SOURCE_DIR) / "tests/golden/weights";

std::vector<std::uint8_t> content(const WeightFile& file, const TensorDescriptor& tensor) {
  std::vector<std::uint8_t> out(byte_size(tensor));
  copy_row_major(file, tensor, out.data());
  return out;
}

void expect_same(const WeightFile& actual, const WeightFile& expected) {
  ASSERT_EQ(actual.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) {
    ASSERT_TRUE(actual.tensors.contains(name)) << name;
    const auto& own = actual.tensors.at(name);
    EXPECT_EQ(own.dtype, tensor.dtype) << name;
    EXPECT_EQ(own.shape, tensor.shape) << name;
    EXPECT_EQ(content(actual, own), content(expected, tensor)) << name;
  }
}

class TorchFile : public ::testing::TestWithParam<const char*> {};

TEST_P(TorchFile, StateDictHoldsWhatPyTorchSaved) {
  const WeightFile expected = read_weights(kFiles / "state_dict.expected.safetensors");
  ASSERT_EQ(expected.tensors.size(), 21U);
  for (const char* suffix : {"", "_protocol4"}) {
    const WeightFile file =
        read_weights(kFiles / (std::string("state_dict_") + GetParam() + suffix + ".pth"));
    EXPECT_EQ(file.format, std::string("torch ") + GetParam());
    expect_same(file, expected);
    // Views of one storage share its bytes; a tensor that is not row-major keeps its strides until
    // it is copied.
    EXPECT_EQ(file.tensors.at("shared.whole").begin, file.tensors.at("shared.transposed").begin);
    EXPECT_TRUE(file.tensors.at("shared.rows").strides.empty());
    EXPECT_EQ(file.tensors.at("shared.transposed").strides, (std::vector<std::int64_t>{1, 4}));
  }
}

TEST_P(TorchFile, CheckpointGivesTensorsOfNestedDictsAndReadsOverTheRest) {
  const WeightFile file =
      read_weights(kFiles / (std::string("checkpoint_") + GetParam() + ".pth.tar"));
  expect_same(file, read_weights(kFiles / "checkpoint.expected.safetensors"));
  EXPECT_EQ(file.metadata.at("epoch"), "100");
  EXPECT_EQ(file.metadata.at("arch"), "resnet50");
  EXPECT_EQ(file.metadata.at("best_acc1"), "12.5");
}

TEST_P(TorchFile, TruncatedFilesAreRefused) {
  const TemporaryFolder folder;
  const auto good =
      read_file(kFiles / (std::string("checkpoint_") + GetParam() + ".pth.tar"), 1 << 20);
  for (std::size_t cut = 0; cut < good.size(); cut += 7) {
    write_bytes(
        folder / "cut.pth",
        std::vector<std::uint8_t>(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(cut)));
    expect_user_error([&] { read_weights(folder / "cut.pth"); }, "cut.pth");
  }
}

TEST_P(TorchFile, AFlippedBitIsRefusedOrReadsWithinTheFile) {
  const auto good = read_file(kFiles / (std::string("state_dict_") + GetParam() + ".pth"), 1 << 20);
  const WeightFile expected = parse_torch_file(good, "good");
  int refused = 0, other = 0;
  for (std::size_t bit = 0; bit < good.size() * 8; bit += 11) {
    auto bytes = good;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    try {
      const WeightFile file = parse_torch_file(bytes, "flipped");
      for (const auto& [name, tensor] : file.tensors) {
        ASSERT_LE(tensor.end, file.bytes.size());
        content(file, tensor);
      }
      ++other;
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, other / 4);
  // A zip archive has checksums: its content is as saved, or refused.
  if (std::string(GetParam()) == "zip") {
    const TensorDescriptor& weight = expected.tensors.at("conv1.weight");
    const auto begin = expected.bytes.begin() + static_cast<std::ptrdiff_t>(weight.begin);
    const auto end = expected.bytes.begin() + static_cast<std::ptrdiff_t>(weight.end);
    const auto data = std::search(good.begin(), good.end(), begin, end);
    ASSERT_NE(data, good.end());
    auto bytes = good;
    bytes[static_cast<std::size_t>(data - good.begin()) + 5] ^= 1;
    expect_user_error([&] { parse_torch_file(bytes, "flipped"); }, "flipped", "CRC");
  }
}

TEST_P(TorchFile, ExpandedTensorsAreRefusedBeforeTheyTakeMemory) {
  expect_user_error(
      [&] { read_weights(kFiles / (std::string("bad_expanded_") + GetParam() + ".pth")); },
      "bad_expanded", "tensor expanded", "contiguous()");
}

TEST_P(TorchFile, ForbiddenNamesAreRefusedAndNothingIsRun) {
  expect_user_error(
      [&] { read_weights(kFiles / (std::string("bad_system_") + GetParam() + ".pth")); },
      "bad_system", "posix.system");
  EXPECT_FALSE(std::filesystem::exists("hacked"));
}

INSTANTIATE_TEST_SUITE_P(All, TorchFile, ::testing::Values("zip", "legacy"),
                         [](const auto& p) { return std::string(p.param); });

TEST(TorchFiles, OtherHostileFilesAreRefused) {
  expect_user_error([] { read_weights(kFiles / "bad_eval_zip.pth"); }, "bad_eval", "builtin",
                    "eval");
  expect_user_error([] { read_weights(kFiles / "bad_bomb.pth"); }, "bad_bomb", "four times");
  expect_user_error([] { read_weights(kFiles / "bad_no_pickle.pth"); }, "bad_no_pickle",
                    "data.pkl");
  // One empty tensor under a million long names; a dict that contains itself.
  expect_user_error([] { read_weights(kFiles / "bad_shared.pth"); }, "bad_shared", "16 times");
  expect_user_error([] { read_weights(kFiles / "bad_circle.pth"); }, "bad_circle",
                    "nested too deep");
  expect_user_error([] { read_weights(kFiles / "bad_name.pth"); }, "bad_name", "name of a tensor");
  expect_user_error([] { read_weights(kFiles / "bad_plain_pickle.pth"); }, "bad_plain_pickle",
                    "is a pickle, but not");
}

TEST(TorchFiles, ExtensionAndContentMustAgree) {
  const TemporaryFolder folder;
  const auto zip = read_file(kFiles / "state_dict_zip.pth", 1 << 20);
  const auto plain = read_file(kFiles / "state_dict.expected.safetensors", 1 << 20);
  write_bytes(folder / "a.safetensors", zip);
  write_bytes(folder / "b.pth", plain);
  write_bytes(folder / "c.txt", plain);
  write_bytes(folder / "d.pth", std::string("no weights at all"));
  expect_user_error([&] { read_weights(folder / "a.safetensors"); }, "a.safetensors",
                    "name it .pth");
  expect_user_error([&] { read_weights(folder / "b.pth"); }, "b.pth", "its content does not");
  expect_user_error([&] { read_weights(folder / "c.txt"); }, "c.txt", "by its name");
  expect_user_error([&] { read_weights(folder / "d.pth"); }, "d.pth");
  expect_user_error([&] { read_weights(folder / "none.pth"); }, "none.pth");
  // With a header of 640 bytes a safetensors file begins like a pickle of protocol 2.
  std::string header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
  header.resize(0x280, ' ');
  write_bytes(folder / "e.safetensors", std::string("\x80\x02\0\0\0\0\0\0", 8) + header + "x");
  EXPECT_EQ(read_weights(folder / "e.safetensors").tensors.size(), 1U);
}

/// Reads a hand-made pickle of protocol 2.
Pickle unpickle(const std::string& body) {
  const std::string text = std::string("\x80\x02", 2) + body;
  std::size_t at = 0;
  return read_pickle({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, at,
                     "hand-made", {"collections OrderedDict"});
}

TEST(PickleReader, ValuesOfEveryKind) {
  const Pickle pickle =
      unpickle(std::string("]("
                           "K\x05M\x01\x02J\xff\xff\xff\xff\x8a\x01\xfe\x8a\x00G\x3f\xf8\x00\x00"
                           "\x00\x00\x00\x00X\x02\x00\x00\x00hiN\x88}(K\x01K\x02u\x85"
                           "e.",
                           45));
  const auto& items = pickle.root->items;
  ASSERT_EQ(items.size(), 10U);
  EXPECT_EQ(items[0]->integer, 5);
  EXPECT_EQ(items[1]->integer, 513);
  EXPECT_EQ(items[2]->integer, -1);
  EXPECT_EQ(items[3]->integer, -2);
  EXPECT_EQ(items[4]->integer, 0);
  EXPECT_EQ(items[5]->real, 1.5);
  EXPECT_EQ(items[6]->text, "hi");
  EXPECT_EQ(items[7]->kind, PickleValue::Kind::kNone);
  EXPECT_EQ(items[8]->integer, 1);
  ASSERT_EQ(items[9]->items.size(), 1U);
  EXPECT_EQ(items[9]->items[0]->kind, PickleValue::Kind::kDict);
}

TEST(PickleReader, DamageIsRefused) {
  for (const std::string& body :
       {std::string("."), std::string("K"), std::string("NN."), std::string("(."),
        std::string("t."), std::string("NR."), std::string("h\x05."), std::string("Na."),
        std::string("}Ns."), std::string("}(Nu."), std::string("X\xff\xff\xff\xff."),
        std::string("ios\nsystem\n."), std::string("cos\n"), std::string("\xff."),
        std::string("q\x01."), std::string("(0."), std::string("ccollections\nOrderedDict\nNR.")})
    expect_user_error([&] { unpickle(body); }, "hand-made");
  expect_user_error([] { unpickle(std::string("cos\nsystem\n.")); }, "os.system",
                    "nothing of it was run");
  expect_user_error([] { unpickle(std::string("c\x1b[2J\nx\n.")); }, "?[2J.x");
}

TEST(PickleReader, SharedListsCannotGrowWithoutEnd) {
  // A list of 1,000 items, passed to a call again and again.
  std::string body = "(";
  for (int i = 0; i < 1000; ++i) body += "N";
  body +=
      "tq\x01"
      "0ccollections\nOrderedDict\nq\x02"
      "0";
  const auto with_calls = [&](int calls) {
    std::string text = body;
    for (int i = 0; i < calls; ++i) text += "h\x02h\x01R0";
    return text + "N.";
  };
  EXPECT_EQ(unpickle(with_calls(1990)).root->kind, PickleValue::Kind::kNone);
  expect_user_error([&] { unpickle(with_calls(2010)); }, "2 million");
  std::string memo = "N";
  for (int i = 0; i < 2'000'001; ++i) memo += "\x94";
  expect_user_error([&] { unpickle(memo + "."); }, "2 million");
  // A cycle is a valid value; code that walks it must stop.
  const Pickle circle = unpickle(
      "]q\x01h\x01"
      "a.");
  EXPECT_EQ(circle.root->items.front(), circle.root);
}

}  // namespace
}  // namespace lcr
