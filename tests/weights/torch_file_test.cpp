// Files of torch.save against what Debian's PyTorch saved (tests/golden/make_weight_files.py), and
// hostile files.
#include "lcr/weights/torch_file.h"

#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/weights/pickle.h"
#include "lcr/weights/safetensors.h"
#include "lcr/weights/torch_names.h"
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

std::vector<float> floats(const WeightFile& file, const std::string& name) {
  const auto bytes = content(file, file.tensors.at(name));
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
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

TEST_P(TorchFile, ExpandedTensorsAreRead) {
  const WeightFile file = read_weights(kFiles / (std::string("expanded_") + GetParam() + ".pth"));
  const TensorDescriptor& tensor = file.tensors.at("expanded");  // ones(1).expand(1000)
  EXPECT_EQ(tensor.shape, std::vector<std::int64_t>{1000});
  EXPECT_EQ(floats(file, "expanded"), std::vector<float>(1000, 1.0F));
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

TEST(TorchFiles, TheContentDecidesWhateverTheName) {
  const TemporaryFolder folder;
  const auto zip = read_file(kFiles / "state_dict_zip.pth", 1 << 20);
  const auto legacy = read_file(kFiles / "state_dict_legacy.pth", 1 << 20);
  const auto plain = read_file(kFiles / "state_dict.expected.safetensors", 1 << 20);
  for (const char* name :
       {"a.safetensors", "model.PTH", "model.pth.tar", "checkpoint", "weights.txt", "x.model"}) {
    write_bytes(folder / name, zip);
    EXPECT_EQ(read_weights(folder / name).format, "torch zip") << name;
    write_bytes(folder / name, legacy);
    EXPECT_EQ(read_weights(folder / name).format, "torch legacy") << name;
    write_bytes(folder / name, plain);
    const WeightFile file = read_weights(folder / name);
    EXPECT_EQ(file.format, "safetensors") << name;
    EXPECT_EQ(file.tensors.size(), 21U) << name;
  }
  expect_user_error([&] { read_weights(folder / "none.pth"); }, "none.pth");
  // With a header of 640 bytes a safetensors file begins like a pickle of protocol 2.
  std::string header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
  header.resize(0x280, ' ');
  write_bytes(folder / "e.safetensors", std::string("\x80\x02\0\0\0\0\0\0", 8) + header + "x");
  EXPECT_EQ(read_weights(folder / "e.safetensors").tensors.size(), 1U);
}

TEST(TorchFiles, OtherContentIsCalledWhatItIs) {
  const TemporaryFolder folder;
  std::string tar(1024, '\0');
  tar.replace(257, 5, "ustar");
  const std::string page = "<!DOCTYPE html><html><body>Too many requests</body></html>";
  const struct {
    std::string content, what, advice;
  } kinds[] = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 46796608\n",
       "is a Git LFS pointer", "git lfs pull"},
      {page, "is a web page", "fetch the file again"},
      {"\xef\xbb\xbf \r\n<HTML>\n<body>", "is a web page", "fetch the file again"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "is a web page", "fetch"},
      {tar, "is a tar archive", "unpack it"},
      {"\x1f\x8b\x08 and more", "compressed with gzip", "unpack it"},
      {"BZh91AY&SY", "compressed with bzip2", "unpack it"},
      {std::string("\xfd"
                   "7zXZ\0\0\0\0",
                   9),
       "compressed with xz", "unpack it"},
      {"\x28\xb5\x2f\xfd and more", "compressed with zstd", "unpack it"},
      {"\x89HDF\r\n\x1a\n and more", "is an HDF5 file", "safetensors"},
      {"\x93NUMPY\x01 and more", "is an array of NumPy", "safetensors"},
      {"GGUF and more", "is a GGUF file", "safetensors"},
      {"", "is empty (0 bytes)", "fetch it again"},
      {"no weights at all", "is no weight file", "safetensors"},
      {"short", "too few", "safetensors"}};
  for (const auto& kind : kinds)
    for (const char* name : {"w.pth", "w.safetensors", "w"}) {
      write_bytes(folder / name, kind.content);
      expect_user_error([&] { read_weights(folder / name); }, (folder / name).string(), kind.what,
                        kind.advice);
    }
}

// Pickles of protocol 2 by hand, in the forms that torch.save of PyTorch 2.11 writes.

std::string little_endian(std::uint64_t value, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}
std::string text_op(const std::string& text) { return "X" + little_endian(text.size(), 4) + text; }
std::string integer_op(std::uint64_t value) { return "J" + little_endian(value, 4); }
std::string tuple_op(const std::vector<std::uint64_t>& values) {
  std::string out = "(";
  for (const auto value : values) out += integer_op(value);
  return out + "t";
}
std::string global_op(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string call_op(const std::string& function, const std::string& arguments) {
  return function + "(" + arguments + "tR";
}
std::string storage_op(const std::string& type, const std::string& key, std::uint64_t elements) {
  const auto dot = type.rfind('.');
  return "(" + text_op("storage") + global_op(type.substr(0, dot), type.substr(dot + 1)) +
         text_op(key) + text_op("cpu") + integer_op(elements) + "tQ";
}
const std::string kHooks = global_op("collections", "OrderedDict") + ")R";

/// The arguments of _rebuild_tensor_v2.
std::string tensor_arguments(const std::string& storage, const std::vector<std::uint64_t>& shape,
                             const std::vector<std::uint64_t>& strides) {
  return storage + integer_op(0) + tuple_op(shape) + tuple_op(strides) + "\x89" + kHooks;
}
std::string rebuild(const std::string& function, const std::string& arguments) {
  return call_op(global_op("torch._utils", "_rebuild_" + function), arguments);
}
std::string tensor_op(const std::string& storage, const std::vector<std::uint64_t>& shape,
                      const std::vector<std::uint64_t>& strides) {
  return rebuild("tensor_v2", tensor_arguments(storage, shape, strides));
}
const std::string kTwoFloats = storage_op("torch.FloatStorage", "0", 2);

struct ZipEntry {
  std::string path, content;
  std::uint32_t checksum;
};

/// A zip archive without compression.
std::string zip_of(const std::vector<ZipEntry>& entries, const std::string& comment = "") {
  std::string out, directory;
  for (const auto& [path, content, checksum] : entries) {
    const std::string facts = std::string(4, '\0') + little_endian(0, 4) +
                              little_endian(checksum, 4) + little_endian(content.size(), 4) +
                              little_endian(content.size(), 4) + little_endian(path.size(), 2) +
                              little_endian(0, 2);
    directory += std::string("PK\x01\x02\x14\0\x14\0", 8) + facts + std::string(10, '\0') +
                 little_endian(out.size(), 4) + path;
    out += std::string("PK\x03\x04\x14\0", 6) + facts + path + content;
  }
  return out + directory + std::string("PK\x05\x06\0\0\0\0", 8) + little_endian(entries.size(), 2) +
         little_endian(entries.size(), 2) + little_endian(directory.size(), 4) +
         little_endian(out.size(), 4) + little_endian(comment.size(), 2) + comment;
}

std::uint32_t checksum_of(const std::string& content) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
}

WeightFile parse(const std::string& bytes) {
  return parse_torch_file({bytes.begin(), bytes.end()}, "hand-made");
}

/// A file with a dict of these items (keys and values) and one storage "0" of the floats 1.5, -2.
WeightFile parse_dict(const std::string& items) {
  const std::string pickle = std::string("\x80\x02}(", 4) + items + "u.";
  const std::string storage("\0\0\xc0\x3f\0\0\0\xc0", 8);
  return parse(zip_of(
      {{"a/data.pkl", pickle, checksum_of(pickle)}, {"a/data/0", storage, checksum_of(storage)}}));
}

TEST(TorchFiles, ChecksumsCanBeLeftOutOfAZip) {
  const std::string pickle =
      std::string("\x80\x02}(", 4) + text_op("w") + tensor_op(kTwoFloats, {2}, {1}) + "u.";
  const std::string storage("\0\0\xc0\x3f\0\0\0\xc0", 8);
  const auto read = [&](std::uint32_t of_pickle, std::uint32_t of_storage,
                        const std::string& comment) {
    return floats(
        parse(zip_of({{"a/data.pkl", pickle, of_pickle}, {"a/data/0", storage, of_storage}},
                     comment)),
        "w");
  };
  const std::uint32_t good = checksum_of(pickle), also_good = checksum_of(storage);
  const std::vector<float> values = {1.5F, -2.0F};
  for (const std::string comment : {"", "a comment"}) {
    EXPECT_EQ(read(good, also_good, comment), values);
    EXPECT_EQ(read(0, 0, comment), values);
    EXPECT_EQ(read(good, 0, comment), values);
    expect_user_error([&] { read(good, also_good ^ 1, comment); }, "hand-made", "CRC", "a/data/0");
    expect_user_error([&] { read(0, also_good ^ 1, comment); }, "hand-made", "CRC", "a/data/0");
    expect_user_error([&] { read(good ^ 1, 0, comment); }, "hand-made", "CRC", "a/data.pkl");
  }
}

TEST(TorchFiles, ValuesThatTorchLoadTakesAreReadOver) {
  const std::string bytes =
      call_op(global_op("_codecs", "encode"), text_op("ab") + text_op("latin1"));
  std::vector<std::string> values = {
      call_op(global_op("__builtin__", "set"), "](" + integer_op(1) + integer_op(2) + "e"),
      call_op(global_op("builtins", "set"), "](" + integer_op(1) + "e"),
      call_op(global_op("__builtin__", "bytearray"), bytes),
      call_op(global_op("__builtin__", "complex"),
              std::string("G\x3f\xf0\0\0\0\0\0\0G\x40\0\0\0\0\0\0\0", 18)),
      bytes,
      call_op(global_op("torch.serialization", "_get_layout"), text_op("torch.sparse_coo")),
      call_op(global_op("torch", "device"), text_op("cuda") + integer_op(0)),
      call_op(global_op("torch", "Size"), tuple_op({2, 3})),
      call_op(global_op("collections", "Counter"), "}" + integer_op(1) + integer_op(2) + "s"),
      kTwoFloats,  // a bare storage
      std::string("\x8a\x09\0\0\0\0\0\0\0\0\x40", 11)};
  for (const char* name : {"float16",
                           "bfloat16",
                           "float32",
                           "float64",
                           "int8",
                           "uint8",
                           "uint16",
                           "uint64",
                           "uint7",
                           "int1",
                           "bool",
                           "complex32",
                           "complex128",
                           "qint8",
                           "quint2x4",
                           "float8_e4m3fn",
                           "float8_e8m0fnu",
                           "float4_e2m1fn_x2",
                           "bits1x8",
                           "per_tensor_affine",
                           "per_channel_affine_float_qparams",
                           "FloatTensor",
                           "QUInt8Storage"})
    values.push_back(global_op("torch", name));
  values.push_back(global_op("torch.cuda", "HalfStorage"));
  values.push_back(global_op("torch.cuda.sparse", "LongTensor"));
  for (const auto& value : values) {
    const WeightFile file =
        parse_dict(text_op("other") + value + text_op("w") + tensor_op(kTwoFloats, {2}, {1}));
    ASSERT_EQ(file.tensors.size(), 1U) << value;
    EXPECT_TRUE(file.unread.empty()) << value;
    EXPECT_EQ(floats(file, "w"), (std::vector<float>{1.5F, -2.0F}));
  }
  // Neighbours of the allowed names.
  for (const std::string& value :
       {global_op("__builtin__", "eval"), global_op("builtins", "getattr"),
        global_op("torch", "load"), global_op("torch.hub", "load"),
        global_op("torch._utils", "_import_dotted_name"), global_op("torch.float16", "x")})
    expect_user_error([&] { parse_dict(text_op("other") + value); }, "hand-made",
                      "nothing of it was run");
}

TEST(TorchFiles, TensorsWithinOthersAreRead) {
  const std::string arguments = tensor_arguments(kTwoFloats, {2}, {1});
  const std::string inner = rebuild("tensor_v2", arguments);
  const std::string attributes = "}" + text_op("note") + text_op("x") + "s";
  const std::string untyped = storage_op("torch.storage.UntypedStorage", "0", 8);
  for (const std::string& tensor :
       {inner, rebuild("tensor", kTwoFloats + integer_op(0) + tuple_op({2}) + tuple_op({1})),
        rebuild("parameter", inner + "\x88" + kHooks),
        rebuild("parameter_with_state", inner + "\x88" + kHooks + attributes),
        global_op("torch.nn.parameter", "Parameter") + "(" + inner + "\x88t\x81",
        call_op(global_op("torch._tensor", "_rebuild_from_type_v2"),
                global_op("torch._utils", "_rebuild_tensor_v2") + global_op("torch", "Tensor") +
                    "(" + arguments + "t" + attributes),
        rebuild("device_tensor_from_cpu_tensor",
                inner + global_op("torch", "float32") + text_op("xla:0") + "\x89"),
        rebuild("tensor_v3", tensor_arguments(untyped, {2}, {1}) + global_op("torch", "float32")),
        tensor_op(storage_op("torch.cuda.FloatStorage", "0", 2), {2}, {1})}) {
    const WeightFile file = parse_dict(text_op("w") + tensor);
    ASSERT_TRUE(file.tensors.contains("w")) << tensor;
    EXPECT_EQ(floats(file, "w"), (std::vector<float>{1.5F, -2.0F})) << tensor;
  }
  expect_user_error(
      [&] {
        parse_dict(text_op("w") + rebuild("tensor_v3", tensor_arguments(untyped, {3}, {1}) +
                                                           global_op("torch", "float32")));
      },
      "tensor w", "outside its storage");
}

TEST(TorchFiles, TensorsOfOtherKindsAreLeftOutByName) {
  const std::string inner = tensor_op(kTwoFloats, {2}, {1});
  const std::string untyped = storage_op("torch.storage.UntypedStorage", "0", 8);
  const std::string negated = "}" + text_op("neg") + "\x88s";
  const struct {
    std::string tensor, type;
  } others[] = {
      {tensor_op(storage_op("torch.ComplexFloatStorage", "0", 1), {1}, {1}), "complex64"},
      {rebuild("tensor_v3", tensor_arguments(untyped, {4}, {1}) + global_op("torch", "uint16")),
       "uint16"},
      {rebuild("tensor_v3",
               tensor_arguments(untyped, {8}, {1}) + global_op("torch", "float8_e4m3fn")),
       "float8_e4m3fn"},
      {rebuild("qtensor", storage_op("torch.QInt8Storage", "0", 8) + integer_op(0) + tuple_op({8}) +
                              tuple_op({1})),
       "qtensor"},
      {rebuild("sparse_tensor", call_op(global_op("torch.serialization", "_get_layout"),
                                        text_op("torch.sparse_coo")) +
                                    "(" + inner + inner + "t"),
       "sparse_tensor"},
      {rebuild("meta_tensor_no_storage",
               global_op("torch", "float32") + tuple_op({2}) + tuple_op({1}) + "\x89"),
       "meta_tensor_no_storage"},
      {rebuild("nested_tensor", inner + inner + inner + inner), "nested_tensor"},
      // The storage holds the values times -1.
      {rebuild("tensor_v2", tensor_arguments(kTwoFloats, {2}, {1}) + negated), "negated view"}};
  for (const auto& [tensor, type] : others) {
    const WeightFile file = parse_dict(text_op("x") + tensor + text_op("w") + inner);
    ASSERT_TRUE(file.unread.contains("x")) << type;
    EXPECT_EQ(file.unread.at("x").dtype, type);
    EXPECT_EQ(file.unread.size(), 1U);
    EXPECT_EQ(file.tensors.size(), 1U) << type;
    EXPECT_EQ(floats(file, "w"), (std::vector<float>{1.5F, -2.0F})) << type;
  }
}

TEST(TorchFiles, ExpandedTensorsAreReadUpToALimit) {
  const WeightFile file = parse_dict(text_op("rows") + tensor_op(kTwoFloats, {3, 2}, {0, 1}) +
                                     text_op("columns") + tensor_op(kTwoFloats, {2, 3}, {1, 0}));
  EXPECT_EQ(floats(file, "rows"), (std::vector<float>{1.5F, -2, 1.5F, -2, 1.5F, -2}));
  EXPECT_EQ(floats(file, "columns"), (std::vector<float>{1.5F, 1.5F, 1.5F, -2, -2, -2}));
  // Refused before they take memory, alone and together.
  const std::string huge = tensor_op(kTwoFloats, {1 << 20, 1 << 20, 2}, {0, 0, 1});
  expect_user_error([&] { parse_dict(text_op("w") + huge); }, "hand-made", "expanded",
                    "contiguous()");
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += text_op(std::to_string(i)) + tensor_op(kTwoFloats, {1 << 18, 2}, {0, 1});
  expect_user_error([&] { parse_dict(many); }, "hand-made", "expanded", "contiguous()");
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

TEST(TorchFileGlobals, HoldThoseOfPyTorch) {
  for (const char* version : {"1.13.0a0", "2.11.0"}) {
    const auto names =
        read_lines(kFiles.parent_path() / "torch_globals" / (std::string(version) + ".txt"));
    EXPECT_GE(names.size(), 50U) << version;
    for (const auto& name : names) {
      if (name.empty()) continue;
      const auto dot = name.rfind('.');
      EXPECT_TRUE(torch_file_globals().contains(name.substr(0, dot) + " " + name.substr(dot + 1)))
          << name << " of PyTorch " << version << " is refused";
    }
  }
}

}  // namespace
}  // namespace lcr
