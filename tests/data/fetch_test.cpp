// Downloads from a server on loopback, correct or faulty, and archives, good or hostile.
#include "lcr/data/fetch.h"

#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/data/archive.h"
#include "tests/support/files.h"
#include "tests/support/http_server.h"
#include "tests/support/small_disk.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::expect_user_error;
using testing::HttpServer;
using testing::TemporaryFolder;
using testing::write_bytes;
using Manner = HttpServer::Manner;

std::string content() {
  std::string text;
  for (int i = 0; text.size() < 300000; ++i) text += std::to_string(i * 7919) + "\n";
  return text;
}

class Fetch : public ::testing::Test {
 protected:
  RemoteFile file(const std::string& url) const {
    return {.url = url,
            .name = "file",
            .bytes = static_cast<std::int64_t>(data.size()),
            .sha256 = sha256_hex(data)};
  }
  void get(const HttpServer& server) { fetch_file(file(server.url()), target, quick); }
  void expect_fetched() {
    EXPECT_EQ(read_text(target), data);
    EXPECT_FALSE(fs::exists(partial));
  }
  void expect_nothing() { EXPECT_FALSE(fs::exists(target)); }
  const std::string data = content();
  const FetchOptions quick{.attempts = 4, .pause_seconds = 0.01};
  TemporaryFolder folder;
  const fs::path target = folder / "sub/file";
  const fs::path partial = target.string() + ".part";
};

TEST_F(Fetch, DownloadsOnce) {
  const HttpServer server(data);
  get(server);
  expect_fetched();
  get(server);
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(Fetch, ContinuesWhereItStopped) {
  const HttpServer server(data);
  fs::create_directories(partial.parent_path());
  write_bytes(partial, data.substr(0, 200000));
  get(server);
  expect_fetched();
  EXPECT_EQ(server.bytes_sent(), 100000 + static_cast<std::int64_t>(data.size() - 300000));
}

TEST_F(Fetch, AServerThatTruncatesIsContinued) {
  HttpServer server(data, Manner::kTruncates);
  // libcurl 7: "transfer closed with ... bytes remaining to read"; 8: "end of response with ...
  // bytes missing".
  expect_user_error([&] { get(server); }, "cannot fetch", " bytes ");
  EXPECT_EQ(server.requests(), 4);
  expect_nothing();
  EXPECT_GT(fs::file_size(partial), data.size() * 9 / 10);  // a half, half of the rest, ...
  server.behave(Manner::kWell);
  get(server);
  expect_fetched();
  EXPECT_EQ(server.bytes_sent(), static_cast<std::int64_t>(data.size()));
}

TEST_F(Fetch, AServerThatStatesTooLittleIsContinued) {
  HttpServer server(data, Manner::kShortLength);
  expect_user_error([&] { get(server); }, "cannot fetch", "bytes instead of");
  expect_nothing();
  server.behave(Manner::kWell);
  get(server);
  expect_fetched();
}

TEST_F(Fetch, AServerWithoutRangesStartsAnew) {
  const HttpServer server(data, Manner::kNoRanges);
  fs::create_directories(partial.parent_path());
  write_bytes(partial, data.substr(0, 1000));
  get(server);
  expect_fetched();
}

TEST_F(Fetch, ABusyServerIsAskedAgain) {
  const HttpServer server(data, Manner::kBusyTwice);
  get(server);
  EXPECT_EQ(server.requests(), 3);
  expect_fetched();
}

TEST_F(Fetch, TooMuchIsNotTaken) {
  const HttpServer server(data, Manner::kTooLong);
  expect_user_error([&] { get(server); }, "sends more than 3");
  expect_nothing();
  EXPECT_FALSE(fs::exists(partial));
}

TEST_F(Fetch, AnAbsurdLengthEndsWithTheTransfer) {
  const HttpServer server(data, Manner::kAbsurdLength);
  try {
    // The first attempt has all bytes when the connection closes; the second finds them correct.
    get(server);
    expect_fetched();
  } catch (const UserError&) {
    expect_nothing();
  }
}

TEST_F(Fetch, AnotherFileIsRefusedAndNotKept) {
  std::string other = data;
  other[12345] ^= 1;
  const HttpServer server(other);
  expect_user_error([&] { get(server); }, "SHA-256", "tampered");
  expect_nothing();
  EXPECT_FALSE(fs::exists(partial));
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(Fetch, WhatAnEarlierCallLeftMayBeWrong) {
  const HttpServer server(data);
  fs::create_directories(partial.parent_path());
  write_bytes(partial, std::string(1000, 'x'));  // part of another file
  get(server);
  expect_fetched();
  EXPECT_EQ(server.requests(), 2);
  // Also if it is longer than the file.
  fs::remove(target);
  write_bytes(partial, std::string(data.size() + 10, 'x'));
  get(server);
  expect_fetched();
}

TEST_F(Fetch, AWrongFileThatIsThereIsNamed) {
  HttpServer server(data, Manner::kNotFound);
  fs::create_directories(target.parent_path());
  write_bytes(target, std::string(data.size(), 'x'));
  expect_user_error([&] { get(server); }, "404", "the file that is there has SHA-256");
  EXPECT_EQ(fs::file_size(target), data.size());  // not touched
  server.behave(Manner::kWell);
  get(server);
  expect_fetched();
  // A whole file is accepted even in a folder that cannot be written.
  fs::permissions(target.parent_path(), fs::perms::owner_read | fs::perms::owner_exec);
  get(server);
  fs::permissions(target.parent_path(), fs::perms::owner_all);
}

TEST_F(Fetch, ProgramsThatFetchAtOnceDoNotClash) {
  const HttpServer server(data);
  std::vector<pid_t> children;
  for (int i = 0; i < 5; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        get(server);
        ::_exit(0);
      } catch (...) {
        ::_exit(1);
      }
    }
    children.push_back(child);
  }
  ::kill(children[3], SIGKILL);  // while it waits or fetches
  for (std::size_t i = 0; i < children.size(); ++i) {
    int status = 0;
    ::waitpid(children[i], &status, 0);
    if (i != 3) EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  expect_fetched();
}

TEST_F(Fetch, MissingFilesAndServersAreSaidAtOnce) {
  const HttpServer server(data, Manner::kNotFound);
  expect_user_error([&] { get(server); }, "404", "by hand");
  EXPECT_EQ(server.requests(), 1);
  expect_user_error([&] { fetch_file(file("file:///no/such/file"), target, quick); },
                    "/no/such/file");
  expect_user_error([&] { fetch_file(file("ftp://127.0.0.1/x"), target, quick); }, "ftp");
  std::string closed;
  {
    const HttpServer gone(data);
    closed = gone.url();
  }
  expect_user_error([&] { fetch_file(file(closed), target, quick); }, "cannot fetch");
  expect_nothing();
}

TEST_F(Fetch, ContentSumsAndMd5) {
  const HttpServer server(data);
  fetch_file({.url = server.url(), .name = "file", .content_sha256 = sha256_hex(data)},
             folder / "a", quick);
  write_bytes(folder / "copy", data);
  fetch_file({.url = server.url(), .name = "file", .md5 = md5_file(folder / "copy")}, folder / "b",
             quick);
  expect_user_error(
      [&] {
        fetch_file({.url = server.url(), .name = "file", .md5 = std::string(32, '0')}, folder / "c",
                   quick);
      },
      "MD5");
  write_bytes(folder / "empty", std::string());
  EXPECT_EQ(md5_file(folder / "empty"), "d41d8cd98f00b204e9800998ecf8427e");
}

TEST_F(Fetch, AFullDiskIsSaid) {
  const HttpServer server(data);
  const fs::path disk = folder / "disk";
  const testing::SmallDisk small(disk, 64);
  expect_user_error([&] { fetch_file(file(server.url()), disk / "file", quick); },
                    small.complaint());
  EXPECT_FALSE(fs::exists(disk / "file"));
  EXPECT_EQ(server.requests(), 1);
}

TEST(FashionMnist, DescriptorMatchesDebiansFiles) {
  const auto descriptor = read_descriptor(fs::path(LCR_SOURCE_DIR) / "datasets/fashion-mnist.json");
  ASSERT_EQ(descriptor.files.size(), 4U);
  const fs::path debian = "/usr/share/datasets/fashion-mnist";
  if (!fs::exists(debian)) GTEST_SKIP() << "needs Debian's package dataset-fashion-mnist";
  const TemporaryFolder folder;
  for (auto file : descriptor.files) {
    file.url = "file://" + (debian / file.name).string();
    EXPECT_NO_THROW(fetch_file(file, folder / file.name)) << file.name;
  }
}

/// An entry of a test archive.
struct Entry {
  std::string path, content;
  unsigned type = AE_IFREG;
  std::string link;
  bool hard = false;
};

void make_archive(const fs::path& path, const std::vector<Entry>& entries, bool zip = false) {
  const std::unique_ptr<archive, int (*)(archive*)> writer(archive_write_new(), archive_write_free);
  if (zip) {
    archive_write_set_format_zip(writer.get());
  } else {
    archive_write_set_format_pax_restricted(writer.get());
    archive_write_add_filter_gzip(writer.get());
  }
  ASSERT_EQ(archive_write_open_filename(writer.get(), path.c_str()), ARCHIVE_OK);
  for (const auto& e : entries) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                         archive_entry_free);
    archive_entry_set_pathname(entry.get(), e.path.c_str());
    archive_entry_set_filetype(entry.get(), e.type);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(e.content.size()));
    if (e.hard)
      archive_entry_set_hardlink(entry.get(), e.link.c_str());
    else if (!e.link.empty())
      archive_entry_set_symlink(entry.get(), e.link.c_str());
    ASSERT_EQ(archive_write_header(writer.get(), entry.get()), ARCHIVE_OK)
        << archive_error_string(writer.get());
    archive_write_data(writer.get(), e.content.data(), e.content.size());
  }
  archive_write_close(writer.get());
}

TEST(Archive, UnpacksFilesAndFolders) {
  for (const bool zip : {false, true}) {
    const TemporaryFolder folder;
    make_archive(folder / "a",
                 {{"set/", "", AE_IFDIR},
                  {"./set/x.txt", "hello"},
                  {"set/deep/er/y.txt", std::string(100000, 'y')},
                  {"top.txt", "t"}},
                 zip);
    unpack_archive(folder / "a", folder / "out");
    EXPECT_EQ(read_text(folder / "out/set/x.txt"), "hello");
    EXPECT_EQ(fs::file_size(folder / "out/set/deep/er/y.txt"), 100000U);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder / "out"), {}), 2);
    // A second archive of the same set adds to the folder, but overwrites nothing.
    make_archive(folder / "b", {{"set/z.txt", "z"}}, zip);
    unpack_archive(folder / "b", folder / "out");
    EXPECT_EQ(read_text(folder / "out/set/z.txt"), "z");
    // A file with the same content may be from an unpacking that was killed.
    unpack_archive(folder / "b", folder / "out");
    make_archive(folder / "b", {{"set/z.txt", "y"}}, zip);
    expect_user_error([&] { unpack_archive(folder / "b", folder / "out"); }, "z.txt",
                      "already exists");
    EXPECT_EQ(read_text(folder / "out/set/z.txt"), "z");
    // A conflict anywhere leaves everything as it was.
    make_archive(folder / "c", {{"a-new.txt", "a"}, {"set/new.txt", "n"}, {"top.txt", "other"}},
                 zip);
    expect_user_error([&] { unpack_archive(folder / "c", folder / "out"); }, "top.txt",
                      "already exists");
    EXPECT_FALSE(fs::exists(folder / "out/a-new.txt"));
    EXPECT_FALSE(fs::exists(folder / "out/set/new.txt"));
  }
}

TEST(Archive, HostileEntriesAreRefusedAndLeaveNothing) {
  const auto refuse = [](const std::vector<Entry>& entries, const std::string& part,
                         const UnpackLimits& limits = {}) {
    const TemporaryFolder folder;
    make_archive(folder / "a", entries);
    expect_user_error([&] { unpack_archive(folder / "a", folder / "in/out", limits); }, part);
    EXPECT_TRUE(fs::is_empty(folder / "in/out")) << part;
    EXPECT_EQ(std::distance(fs::directory_iterator(folder / "in"), {}), 1);
    EXPECT_FALSE(fs::exists("/tmp/lcr-absolute"));
  };
  refuse({{"good", "x"}, {"../evil", "x"}}, "'../evil' leaves the folder");
  refuse({{"a/../../evil", "x"}}, "leaves the folder");
  refuse({{"/tmp/lcr-absolute", "x"}}, "absolute");
  refuse({{"link", "", AE_IFLNK, "/etc"}}, "link");
  refuse({{"link", "", AE_IFLNK, "inside"}}, "link");
  refuse({{"x", "1"}, {"hard", "", AE_IFREG, "x", true}}, "link");
  refuse({{"device", "", AE_IFCHR}}, "special");
  refuse({{"pipe", "", AE_IFIFO}}, "special");
  refuse({{"x", "1"}, {"x", "2"}}, "twice");
  refuse({{"bomb", std::string(10 << 20, '\0')}}, "more than 1000000 bytes",
         {.bytes = 1'000'000, .entries = 10});
  refuse({{"1", "1"}, {"2", "2"}, {"3", "3"}}, "more than 2 entries",
         {.bytes = 1'000'000, .entries = 2});
}

TEST(Archive, DamagedOnesAreRefusedAndLeaveNothing) {
  const TemporaryFolder folder;
  std::string noise;
  for (unsigned i = 0; i < 200000; ++i) noise += static_cast<char>(i * i * 31 >> 3);
  make_archive(folder / "a", {{"set/x", noise}, {"set/y", noise}});
  const auto whole = read_file(folder / "a", 1 << 24);
  for (const std::size_t keep :
       {std::size_t{0}, std::size_t{30}, whole.size() / 3, whole.size() - 100}) {
    write_bytes(folder / "cut",
                std::vector<std::uint8_t>(whole.begin(),
                                          whole.begin() + static_cast<std::ptrdiff_t>(keep)));
    expect_user_error([&] { unpack_archive(folder / "cut", folder / "out"); }, "cut");
    EXPECT_TRUE(fs::is_empty(folder / "out")) << keep;
  }
  write_bytes(folder / "text", std::string("no archive"));
  expect_user_error([&] { unpack_archive(folder / "text", folder / "out"); }, "text");
  expect_user_error([&] { unpack_archive(folder / "absent", folder / "out"); }, "absent");
}

TEST(Archive, AFullDiskIsSaidAndLeavesNothing) {
  const TemporaryFolder folder;
  make_archive(folder / "a", {{"x", std::string(1 << 20, 'x')}});
  const fs::path disk = folder / "disk";
  const testing::SmallDisk small(disk, 64);
  expect_user_error([&] { unpack_archive(folder / "a", disk); }, small.complaint());
  EXPECT_TRUE(fs::is_empty(disk));
}

}  // namespace
}  // namespace lcr
