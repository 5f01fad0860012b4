#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "lcr/base/cores.h"
#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/memory.h"
#include "lcr/base/parallel.h"
#include "lcr/base/progress.h"
#include "lcr/base/rng.h"
#include "lcr/base/signals.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"
#include "tests/support/files.h"

namespace lcr {
namespace {

using testing::expect_user_error;
using testing::TemporaryFolder;
using testing::write_bytes;

TEST(Files, AtomicWriteReplacesAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  write_atomic(folder / "a.txt", "one");
  write_atomic(folder / "a.txt", "two, longer");
  EXPECT_EQ(read_text(folder / "a.txt"), "two, longer");
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
    ++entries;
  EXPECT_EQ(entries, 1);
}

TEST(Files, BadPlacesAreUserErrors) {
  const TemporaryFolder folder;
  expect_user_error([&] { write_atomic(folder / "none/a.txt", "x"); }, "none/a.txt");
  expect_user_error([&] { read_text(folder / "missing"); }, "missing", "no such file");
  write_atomic(folder / "big", std::string(100, 'x'));
  expect_user_error([&] { read_text(folder / "big", 99); }, "big", "100");
  expect_user_error([&] { require_writable_directory(folder / "big"); }, "big");
}

TEST(Files, ByteOrderMarksOfUtf8AreSkippedOthersNamed) {
  using namespace std::string_literals;
  const TemporaryFolder folder;
  const auto path = folder / "list.txt";
  write_bytes(path, "\xEF\xBB\xBF"s + "1 a\r\n2 \xEF\xBB\xBF b"s);
  EXPECT_EQ(read_text(path), "1 a\r\n2 \xEF\xBB\xBF b") << "only at the start";
  EXPECT_EQ(read_lines(path), (std::vector{"1 a"s, "2 \xEF\xBB\xBF b"s}));
  for (const auto& text : {""s, "\xEF\xBB"s, "a\0b"s, "\xE9"s}) {
    write_bytes(path, text);
    EXPECT_EQ(read_text(path), text);
  }
  write_bytes(path, "\xEF\xBB\xBF"s);
  EXPECT_TRUE(read_lines(path).empty());
  for (const auto& [text, encoding] : {std::pair("\xFF\xFE\x31\0"s, "UTF-16"),
                                       {"\xFE\xFF\0\x31"s, "UTF-16"},
                                       {"\xFF\xFE\0\0\x31\0\0\0"s, "UTF-32"},
                                       {"\0\0\xFE\xFF\0\0\0\x31"s, "UTF-32"}}) {
    write_bytes(path, text);
    expect_user_error([&] { read_lines(path); }, "list.txt", encoding, "in UTF-8");
  }
}

TEST(Files, GzipIsBoundedAndChecked) {
  const TemporaryFolder folder;
  const std::string content(5000, 'z');
  const auto path = folder / "z.gz";
  const gzFile out = gzopen(path.c_str(), "wb");
  gzwrite(out, content.data(), static_cast<unsigned>(content.size()));
  gzclose(out);
  EXPECT_EQ(read_gzip(path, 5000).size(), 5000U);
  expect_user_error([&] { read_gzip(path, 4999); }, "4999");
  auto bytes = read_file(path, 1 << 20);
  bytes.resize(bytes.size() / 2);
  write_bytes(folder / "half.gz", bytes);
  expect_user_error([&] { read_gzip(folder / "half.gz", 5000); }, "half.gz");
  write_bytes(folder / "plain", content);
  EXPECT_EQ(read_gzip(folder / "plain", 5000).size(), 5000U);
}

TEST(Hashing, KnownDigests) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const TemporaryFolder folder;
  write_bytes(folder / "f", std::string("abc"));
  EXPECT_EQ(sha256_file(folder / "f"), sha256_hex("abc"));
}

TEST(Rng, IsPhiloxWithKnownAnswer) {
  // Known-answer vector of Random123 for Philox 4x32-10, counter and key zero.
  const auto block = r123::Philox4x32()(r123::Philox4x32::ctr_type{}, r123::Philox4x32::key_type{});
  EXPECT_EQ(block[0], 0x6627e8d5U);
  EXPECT_EQ(block[3], 0x9b00dbd8U);
}

TEST(Rng, StreamsAreFixedByTheirCoordinates) {
  // Frozen: a change here changes the numbers of every run and needs a new numerics_revision.
  CounterRng rng(RngKey(0, "test"), 1, 2, 3);
  const std::array<std::uint32_t, 3> first = {rng.next(), rng.next(), rng.next()};
  CounterRng again(RngKey(0, "test"), 1, 2, 3);
  for (const auto value : first) EXPECT_EQ(again.next(), value);
  EXPECT_EQ(first[0], 378854235U);
  std::set<std::uint32_t> others;
  for (const std::uint64_t seed : {0, 1})
    for (const char* purpose : {"test", "other"})
      for (const std::uint32_t a : {1U, 2U})
        for (const std::uint32_t c : {3U, 4U})
          others.insert(CounterRng(RngKey(seed, purpose), a, 2, c).next());
  EXPECT_EQ(others.size(), 16U);
}

TEST(Rng, MomentsAndBounds) {
  CounterRng rng(RngKey(3, "moments"));
  constexpr int kCount = 200000;
  double sum = 0, squares = 0, uniform_sum = 0;
  std::array<int, 7> counts{};
  for (int i = 0; i < kCount; ++i) {
    const double normal = rng.normal();
    const double uniform = rng.uniform();
    sum += normal;
    squares += normal * normal;
    uniform_sum += uniform;
    ASSERT_GE(uniform, 0);
    ASSERT_LT(uniform, 1);
    ++counts[rng.below(7)];
  }
  EXPECT_NEAR(sum / kCount, 0, 0.012);
  EXPECT_NEAR(squares / kCount, 1, 0.02);
  EXPECT_NEAR(uniform_sum / kCount, 0.5, 0.004);
  for (const int count : counts) EXPECT_NEAR(count, kCount / 7.0, 800);
}

TEST(Rng, PermutationHoldsEachOnceAndIsUniformEnough) {
  std::array<int, 5> first{};
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const auto order = random_permutation(CounterRng(RngKey(1, "permutation"), i), 5);
    EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(), 5U);
    ++first[static_cast<std::size_t>(order[0])];
  }
  for (const int count : first) EXPECT_NEAR(count, 1000, 130);
}

TEST(Text, StrictNumbers) {
  EXPECT_EQ(parse_integer("42"), 42);
  for (const char* bad : {"", " 1", "1 ", "1x", "1.5", "+1", "99999999999999999999"})
    EXPECT_FALSE(parse_integer(bad)) << bad;
  EXPECT_EQ(parse_number("-2.5e-1"), -0.25);
  for (const char* bad : {"", "1,5", "abc", "1 "}) EXPECT_FALSE(parse_number(bad)) << bad;
  for (const double value : {0.1, 1e-4, 12.01, 1.0 / 3.0})
    EXPECT_EQ(parse_number(format_number(value)), value);
  EXPECT_EQ(split("a,b,,c,", ','), (std::vector<std::string>{"a", "b", "", "c", ""}));
  EXPECT_TRUE(split("", ',').empty());
  EXPECT_EQ(format_duration(59.6), "1 min 00 s");
}

TEST(Csv, RoundTripsQuotesCommasAndEmptyCells) {
  const TemporaryFolder folder;
  const std::array<std::string, 3> row = {"a, \"quoted\"", "", "3.5"};
  write_atomic(folder / "t.csv", csv_line({"x", "y", "z"}) + csv_line({row.begin(), row.end()}));
  const auto rows = read_csv<3>(folder / "t.csv", {"x", "y", "z"});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0], row);
  const auto swapped = read_csv<2>(folder / "t.csv", {"z", "x"});
  EXPECT_EQ(swapped[0][0], "3.5");
}

TEST(Csv, MalformedFilesAreUserErrors) {
  const TemporaryFolder folder;
  write_atomic(folder / "t.csv", "x,y\n1,2\n3\n");
  expect_user_error([&] { read_csv<2>(folder / "t.csv", {"x", "y"}); }, "t.csv");
  expect_user_error([&] { read_csv<2>(folder / "t.csv", {"x", "absent"}); }, "absent");
  write_atomic(folder / "empty.csv", "");
  expect_user_error([&] { read_csv<1>(folder / "empty.csv", {"x"}); }, "empty.csv");
}

TEST(Csv, FilesThatASpreadsheetSavedAgain) {
  using Rows = std::vector<std::array<std::string, 2>>;
  const TemporaryFolder folder;
  const auto read = [&](const std::string& text) {
    write_bytes(folder / "t.csv", text);
    return read_csv<2>(folder / "t.csv", {"x", "y"});
  };
  const Rows rows = {{"1", "\xC3\xA9"}, {"", "2"}};
  for (const std::string text :
       {"x,y\n1,\xC3\xA9\n,2\n",                                // as this suite writes it
        "\xEF\xBB\xBFx,y\r\n1,\xC3\xA9\r\n,2",                  // Excel's "CSV UTF-8"
        "x,y\r1,\xC3\xA9\r,2\r",                                // line ends of old Macs
        "\"x\",\"y\"\n\"1\",\"\xC3\xA9\"\n\"\",\"2\"\n",        // every cell quoted
        "x,y,,\n1,\xC3\xA9,,\n,2,,\n",                          // empty columns
        "\n \nx,y\n\n1,\xC3\xA9\n,\n  \t\n,2\n\"\",\"\"\n\n"})  // empty lines
    EXPECT_EQ(read(text), rows) << text;
  const auto refused = [&](const std::string& text, const char* part) {
    expect_user_error([&] { read(text); }, "t.csv", part);
  };
  refused("x;y\n1,5;2\n", "semicolons");
  refused("sep=;\nx;y\n1;2\n", "semicolons");
  refused("\n\"x\"\t\"y\"\n1\t2\n", "tabs");
  refused("x,y\n1,\xE9t\xE9\n", "t.csv:2: ");                // Windows-1252
  refused("x,y\n1,2\n3,\xC3", "t.csv:3: ");                  // cut off
  refused("x,y\n1,\xC0\x80\n", "UTF-8");                     // overlong
  refused(std::string("x\0,\0y\0\n\0", 8), "not in UTF-8");  // UTF-16 without a mark
  refused(std::string("\xFF\xFEx\0,\0y\0\n\0", 10), "in UTF-16");
  refused("x,y\n1,2\n3\n", "3");
}

/// A folder that stands for the root of the file system.
class FakeSystem {
 public:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((folder_ / path).parent_path());
    write_bytes(folder_ / path, text);
  }
  /// Describes this process's cgroups and one mount of them.
  void describe(const std::string& cgroups, const std::string& mount_root, const std::string& point,
                const std::string& type, const std::string& options) {
    write("proc/self/cgroup", cgroups);
    write("proc/self/mountinfo",
          "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n" +  //
              ("30 22 0:26 " + mount_root + " " + point) + " rw,nosuid shared:4 master:2 - " +
              type + " cgroup " + options + "\n");
  }
  std::optional<double> quota() const { return cpu_quota(folder_.path()); }

 private:
  const TemporaryFolder folder_;
};

TEST(Cores, QuotaOfVersion2) {
  FakeSystem system;
  EXPECT_FALSE(system.quota()) << "no cgroups at all";
  // In a container: its cgroup is the root of its namespace.
  system.describe("0::/\n", "/", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate");
  EXPECT_FALSE(system.quota()) << "no cpu.max";
  system.write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_FALSE(system.quota());
  system.write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(system.quota(), 1.5);
  // A service within other groups: the smallest quota counts, wherever it is.
  system.describe("0::/user.slice/job\n", "/", "/sys/fs/cgroup", "cgroup2", "rw");
  EXPECT_EQ(system.quota(), 1.5);
  system.write("sys/fs/cgroup/user.slice/cpu.max", "50000 100000\n");
  system.write("sys/fs/cgroup/user.slice/job/cpu.max", "400000 100000\n");
  EXPECT_EQ(system.quota(), 0.5);
  system.write("sys/fs/cgroup/user.slice/job/cpu.max", "2000 10000\n");
  EXPECT_EQ(system.quota(), 0.2);
  // Other groups' do not.
  system.write("sys/fs/cgroup/other/cpu.max", "1000 100000\n");
  EXPECT_EQ(system.quota(), 0.2);
  for (const char* bad :
       {"", "\n", "1 2 3\n", "0 100000\n", "100000 0\n", "-1 100000\n", "x y\n"}) {
    system.write("sys/fs/cgroup/user.slice/job/cpu.max", bad);
    EXPECT_EQ(system.quota(), 0.5) << bad;
  }
}

TEST(Cores, QuotaOfVersion1) {
  FakeSystem system;
  const std::string cgroups =
      "12:cpuset:/docker/abc\n4:cpuacct,cpu:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n";
  const auto write_quota = [&](const std::string& group, const char* quota, const char* period) {
    system.write("cgroups/cpu,cpuacct" + group + "/cpu.cfs_quota_us", quota);
    system.write("cgroups/cpu,cpuacct" + group + "/cpu.cfs_period_us", period);
  };
  // In a container, the mount shows its own cgroup.
  system.describe(cgroups, "/docker/abc", "/cgroups/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct");
  EXPECT_FALSE(system.quota());
  write_quota("", "-1\n", "100000\n");
  EXPECT_FALSE(system.quota());
  write_quota("", "250000\n", "100000\n");
  EXPECT_EQ(system.quota(), 2.5);
  // The path of another namespace.
  system.describe(cgroups, "/docker/other", "/cgroups/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct");
  EXPECT_EQ(system.quota(), 2.5);
  system.describe("4:cpu,cpuacct:/../up\n", "/", "/cgroups/cpu,cpuacct", "cgroup", "rw,cpu");
  EXPECT_EQ(system.quota(), 2.5);
  // On the host, it shows all.
  system.describe(cgroups, "/", "/cgroups/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct");
  write_quota("/docker/abc", "50000\n", "50000\n");
  EXPECT_EQ(system.quota(), 1);
  // Another controller's hierarchy.
  system.describe(cgroups, "/", "/cgroups/cpu,cpuacct", "cgroup", "rw,cpuset");
  EXPECT_FALSE(system.quota());
}

TEST(Cores, AtLeastOneAndNoMoreThanTheQuota) {
  EXPECT_GE(usable_cores(), 1);
  if (const auto quota = cpu_quota()) {
    EXPECT_LT(usable_cores(), *quota + 1);
  }
}

TEST(Statistics, MeanAndSampleDeviation) {
  const std::array values = {1.0, 2.0, 4.0};
  EXPECT_DOUBLE_EQ(mean(values), 7.0 / 3);
  EXPECT_NEAR(standard_deviation(values), 1.5275252, 1e-6);
  EXPECT_TRUE(std::isnan(standard_deviation(std::span(values).first(1))));
}

TEST(Parallel, VisitsEachOnceAndRethrows) {
  for (const int threads : {1, 3}) {
    std::vector<std::atomic<int>> visits(100);
    parallel_for(100, threads, [&](std::int64_t i) { ++visits[static_cast<std::size_t>(i)]; });
    for (const auto& count : visits) EXPECT_EQ(count, 1);
    EXPECT_THROW(parallel_for(100, threads,
                              [](std::int64_t i) {
                                if (i == 50) throw UserError("x");
                              }),
                 UserError);
  }
}

TEST(Statistics, WelchAgreesWithScipy) {
  // scipy.stats.ttest_ind(a, b, equal_var=False, alternative='greater').pvalue, SciPy 1.10.1.
  const std::vector<double> a = {71.2, 73.9, 70.4, 72.8};
  const std::vector<double> b = {69.1, 70.2, 68.4};
  EXPECT_NEAR(welch_p_greater(a, b), 0.015619360887335884, 1e-9);
  EXPECT_NEAR(welch_p_greater(b, a), 1 - 0.015619360887335884, 1e-9);
  EXPECT_NEAR(welch_p_greater(a, b, 2), 0.20769537610352604, 1e-9);
  EXPECT_TRUE(std::isnan(welch_p_greater(a, std::vector<double>{1})));
  EXPECT_EQ(welch_p_greater(std::vector<double>{2, 2}, std::vector<double>{1, 1}), 0);
  EXPECT_EQ(welch_p_greater(std::vector<double>{1, 1}, std::vector<double>{1, 1}), 0.5);
}

TEST(Text, LongListsAreCut) {
  EXPECT_EQ(join_first({}), "");
  EXPECT_EQ(join_first({"1", "2", "3", "4", "5", "6", "7", "8"}), "1, 2, 3, 4, 5, 6, 7, 8");
  EXPECT_EQ(join_first({"1", "2", "3", "4", "5", "6", "7", "8", "9"}),
            "1, 2, 3, 4, 5, 6, 7, 8 and 1 more");
}

TEST(Text, LowerCaseChangesAsciiLettersAlone) {
  EXPECT_EQ(lower_case("AZ az @[`{ 09 \u00c4"), "az az @[`{ 09 \u00c4");
}

TEST(Text, DifferencesNameTheSettings) {
  EXPECT_EQ(describe_differences("a=1\nb=2\n", "b = 2\na = 1\n# c = 3\n"), "");
  EXPECT_EQ(describe_differences("a=1\nb=2", "a=3\nc=4\n"),
            "a: 1 there, 3 here; b: 2 there, absent here; c: absent there, 4 here");
  EXPECT_EQ(describe_differences("a=", "a=\x01x"), "a: empty there, ?x here");
}

TEST(Files, LocksSayWhoHoldsThem) {
  const testing::TemporaryFolder folder;
  EXPECT_FALSE(lock_holder(folder / "lock"));
  {
    const FileLock lock(folder / "lock");
    const auto holder = lock_holder(folder / "lock");
    ASSERT_TRUE(holder);
    EXPECT_NE(holder->find("process " + std::to_string(::getpid()) + " on "), std::string::npos)
        << *holder;
  }
  EXPECT_FALSE(lock_holder(folder / "lock"));  // the file is still there, the lock is not
}

TEST(Files, OnlyTemporariesOfDeadProcessesAreStale) {
  const testing::TemporaryFolder folder;
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const std::string mark = std::string(".tmp-") + host + "-";
  for (const std::string& name :
       {"a.csv" + mark + "4000000", "a.csv" + mark + std::to_string(::getpid()),
        std::string("a.csv.tmp-elsewhere-4000000"), "a.csv" + mark + "x", std::string("a.csv")})
    testing::write_bytes(folder / name, name);
  EXPECT_EQ(stale_temporaries(folder.path()),
            (std::vector<std::filesystem::path>{folder / ("a.csv" + mark + "4000000")}));
  remove_stale_temporaries(folder.path());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()),
                          std::filesystem::directory_iterator()),
            4);
  EXPECT_TRUE(stale_temporaries(folder / "absent").empty());
  // If no other process can be writing, temporaries of other machines and of living processes go
  // too.
  remove_stale_temporaries(folder.path(), Temporaries::kAll);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()),
                          std::filesystem::directory_iterator()),
            2);  // a.csv, and the name without a process number
}

TEST(Files, AWaitedForLockIsThatOfTheFileThatStandsThere) {
  const testing::TemporaryFolder folder;
  const auto run = folder / "run";
  std::filesystem::create_directories(run);
  auto held = std::make_unique<FileLock>(run / "lock");
  std::atomic<bool> has_it = false;
  std::optional<std::string> holder;
  std::thread waiting([&] {
    const FileLock lock(run / "lock");
    holder = lock_holder(run / "lock");
    has_it = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_FALSE(has_it);
  // Pruned by its holder and begun again by a third process.
  std::filesystem::remove_all(run);
  std::filesystem::create_directories(run);
  held.reset();
  waiting.join();
  EXPECT_TRUE(holder) << "the lock is on the removed file";
  // Pruned and not begun again.
  std::filesystem::remove_all(run);
  expect_user_error([&] { FileLock{run / "lock"}; }, "cannot be opened for locking");
  const FileLock made(run / "lock", FileLock::MissingFolder::kMake);
  EXPECT_TRUE(lock_holder(run / "lock"));
}

TEST(Text, DifferencesOfLongValuesAreInSight) {
  const std::string same(200, 'x');
  EXPECT_EQ(describe_differences("a=" + same + "1\n", "a=" + same + "2\n"),
            fmt::format("a: ...{0}1 there, ...{0}2 here", std::string(20, 'x')));
  EXPECT_EQ(describe_differences("a=" + same + "\n", "a=" + same + "\n"), "");
  EXPECT_EQ(describe_differences("a=" + same + "\n", "b=1\n"),
            "a: " + std::string(80, 'x') + " there, absent here; b: absent there, 1 here");
}

TEST(Errors, EveryWayToSayThatMemoryRanOutIsFound) {
  const auto is_short = [](const auto& error) { return is_out_of_memory(error); };
  EXPECT_TRUE(is_short(std::bad_alloc()));
  EXPECT_TRUE(is_short(std::bad_array_new_length()));
  // A thread that cannot start; a file that cannot be mapped.
  EXPECT_TRUE(is_short(std::system_error(EAGAIN, std::generic_category())));
  EXPECT_TRUE(is_short(std::system_error(ENOMEM, std::system_category(), "mmap")));
  EXPECT_TRUE(is_short(std::filesystem::filesystem_error(
      "cannot copy", std::error_code(ENOMEM, std::generic_category()))));
  // LibTorch's, on the host and on the GPU.
  for (const char* words :
       {"[enforce fail at alloc_cpu.cpp:66] . DefaultCPUAllocator: can't allocate memory: you "
        "tried "
        "to allocate 4096 bytes. Error code 12 (Cannot allocate memory)\nframe #0",
        "CUDA out of memory. Tried to allocate 2.50 GiB",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 4096 bytes."})
    EXPECT_TRUE(is_short(std::runtime_error(words))) << words;
  // Other errors, also if memory is spoken of further down or in a user's own words.
  EXPECT_FALSE(is_short(std::runtime_error("sizes differ\nframe #1: out of memory")));
  EXPECT_FALSE(is_short(std::system_error(ENOSPC, std::generic_category())));
  EXPECT_FALSE(is_short(std::logic_error("x")));
  EXPECT_FALSE(is_short(UserError("out of memory: as explained")));
}

TEST(Errors, ProgramsEndWithTheCodeOfTheirError) {
  const auto code_of = [](auto throw_it, const std::string& words) {
    ::testing::internal::CaptureStderr();
    const int code = run_main("prog", [&]() -> int {
      throw_it();
      return kDone;
    });
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find(words), std::string::npos) << said;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), words.empty() ? 0 : 1) << said;
    return code;
  };
  EXPECT_EQ(code_of([] {}, ""), kDone);
  EXPECT_EQ(code_of([] { fail("bad {}", 1); }, "prog: error: bad 1\n"), kBadInput);
  EXPECT_EQ(code_of([] { throw Interrupted("stopped"); }, "prog: stopped\n"), kStopped);
  EXPECT_EQ(code_of([] { throw std::system_error(ENOENT, std::generic_category(), "a.txt"); },
                    "prog: error: a.txt: No such file"),
            kBadInput);
  EXPECT_EQ(
      code_of([] { throw std::runtime_error("odd\nframe #0"); }, "prog: internal error: odd\n"),
      kInternalError);
  EXPECT_EQ(code_of([] { throw std::bad_alloc(); }, "prog: error: out of memory: "), kBadInput);
  EXPECT_EQ(code_of([] { throw std::system_error(EAGAIN, std::generic_category()); },
                    "prog: error: out of memory: "),
            kBadInput);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need their own space

/// Leaves this process only a little more address space than it has.
void leave_little_memory() {
  std::ifstream in("/proc/self/statm");
  rlim_t pages = 0;
  in >> pages;
  const rlim_t bytes = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (1 << 20);
  const rlimit limit{bytes, bytes};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
}

TEST(MemoryDeathTest, LibrariesThatCrashOrExitForWantOfMemoryEndTheProgramWithWords) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto end_by = [](bool is_short, auto what) {
    std::exit(100 + run_main("prog", [&] {
                if (is_short) leave_little_memory();
                what();
                return 0;
              }));
  };
  const auto crash = [] {
    *static_cast<volatile int*>(nullptr) = 1;  // NOLINT(clang-analyzer-core.NullDereference)
  };
  const auto raise = [](const auto& error) { throw error; };
  const auto forbidden = [&]() noexcept { raise(std::bad_alloc()); };
  const auto other = [&]() noexcept { raise(std::logic_error("x")); };
  const std::string words = "prog: error: out of memory: ";
  const auto bad_input = ::testing::ExitedWithCode(kBadInput);
  EXPECT_EXIT(end_by(true, crash), bad_input, words);
  EXPECT_EXIT(end_by(true, [] { std::abort(); }), bad_input, words);
  EXPECT_EXIT(end_by(true, [] { std::exit(1); }), bad_input, words);
  // No need to guess: the exception says it.
  EXPECT_EXIT(end_by(false, forbidden), bad_input, words);
  // The stack cannot grow: the handler has its own.
  EXPECT_EXIT(end_by(true,
                     [] {
                       const auto dig = [](const auto& self, int depth) -> int {
                         volatile char room[4096] = {};
                         room[depth % 4096] = 1;
                         return depth > 1900 ? room[7] : self(self, depth + 1) + room[7];
                       };
                       dig(dig, 0);
                     }),
              bad_input, words);
  // With memory left, crashes stay crashes, and exit codes are kept.
  EXPECT_EXIT(end_by(false, crash), ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(end_by(false, [] { std::raise(SIGSEGV); }), ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(end_by(false, other), ::testing::KilledBySignal(SIGABRT), "");
  EXPECT_EXIT(end_by(false, [] { std::exit(1); }), ::testing::ExitedWithCode(1), "");
  // And after the body, when the program is ending by itself.
  EXPECT_EXIT(end_by(true, [] {}), ::testing::ExitedWithCode(100), "");
}

TEST(MemoryDeathTest, AFileThatFindsNoRoomIsNotCalledDamaged) {
  const TemporaryFolder folder;
  write_bytes(folder / "large", std::string(8 << 20, 'x'));
  EXPECT_EXIT(
      {
        leave_little_memory();
        try {
          const MappedFile file(folder / "large");
        } catch (const std::exception& e) {
          std::exit(is_out_of_memory(e) ? 0 : 1);
        }
        std::exit(2);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(MemoryDeathTest, WhatTheSystemStillGivesIsKnown) {
  EXPECT_TRUE(can_map(32 << 20));
  EXPECT_FALSE(can_map(std::size_t{1} << 60));
  EXPECT_EXIT(
      {
        leave_little_memory();
        std::exit(can_map(32 << 20) ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "");
}

#endif

/// Starts a child that runs `body` and then sleeps for ever, as a spinning library would.
template <typename Body>
pid_t start_child(Body&& body) {
  const pid_t process = ::fork();
  if (process == 0) {
    body();
    for (;;) ::pause();
  }
  return process;
}

/// Whether a process is gone within some seconds. Zombies count as gone.
bool ends_within(pid_t process, double seconds) {
  for (int i = 0; i < seconds * 100; ++i) {
    std::ifstream in("/proc/" + std::to_string(process) + "/stat");
    std::string id, name, state;
    if (!(in >> id >> name >> state) || state == "Z") return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// What a child writes to this pipe.
struct Report {
  Report() { EXPECT_EQ(::pipe(ends), 0); }
  ~Report() {
    for (const int end : ends) ::close(end);
  }
  void send(pid_t value) const { EXPECT_EQ(::write(ends[1], &value, sizeof value), sizeof value); }
  pid_t receive() const {
    pid_t value = -1;
    EXPECT_EQ(::read(ends[0], &value, sizeof value), sizeof value);
    return value;
  }
  int ends[2];
};

TEST(Signals, TheSecondOneKillsTheWorkersThatAreLeft) {
  for (const auto& [first, second] :
       {std::pair(SIGINT, SIGTERM), std::pair(SIGTERM, SIGTERM), std::pair(SIGTERM, SIGINT)}) {
    const Report report;
    const pid_t parent = start_child([&] {
      watch_signals();
      for (const bool is_forgotten : {false, false, true}) {
        const pid_t worker = start_child([] {
          std::signal(SIGTERM, SIG_IGN);
          std::signal(SIGINT, SIG_IGN);
        });
        kill_at_second_signal(worker);
        if (is_forgotten) forget_worker(worker);
        report.send(worker);
      }
    });
    const pid_t one = report.receive(), two = report.receive(), forgotten = report.receive();
    ::kill(parent, first);
    EXPECT_FALSE(ends_within(one, 0.2));
    ::kill(parent, second);
    EXPECT_TRUE(ends_within(one, 1));
    EXPECT_TRUE(ends_within(two, 1));
    int status = 0;
    ::waitpid(parent, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == second) << status;
    EXPECT_FALSE(ends_within(forgotten, 0.1));
    ::kill(forgotten, SIGKILL);
  }
}

TEST(Signals, WorkersDieWithTheirParentWhateverTheyDo) {
  // While they are being loaded: at once. Later, without ever looking at the flag: after a while.
  for (const bool is_loaded : {false, true}) {
    const Report report;
    const pid_t parent = start_child([&] {
      const pid_t own = ::getpid();
      start_child([&] {
        if (!die_with(own)) ::_exit(1);
        watch_signals();
        if (is_loaded) watch_parent();
        report.send(::getpid());
      });
    });
    const pid_t worker = report.receive();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(ends_within(worker, 0.1));
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    EXPECT_TRUE(ends_within(worker, is_loaded ? kSavingSeconds + 2 : 1));
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    if (is_loaded) {
      EXPECT_GT(passed.count(), kSavingSeconds - 2.0);  // there was time to save
    }
  }
}

TEST(Signals, AWorkerWhoseParentDiedBeforeItCouldWatchDoesNotStart) {
  const pid_t process = start_child([] { ::_exit(die_with(::getpid()) ? 1 : 0); });
  int status = 0;
  ::waitpid(process, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(Progress, WorkOfAnEarlierProcessIsNoSpeed) {
  EXPECT_EQ(describe_progress(300, 0, 1000, 10, "samples"),
            " 30 %  30 samples/s  ETA " + format_duration(70.0 / 3));
  EXPECT_EQ(describe_progress(900, 880, 1000, 10, "samples"),
            " 90 %  2 samples/s  ETA " + format_duration(50));
  EXPECT_EQ(describe_progress(900, 900, 1000, 0, "samples"), " 90 %  0 samples/s  ETA ?");
  EXPECT_EQ(describe_progress(7, 0, 1000000, 50, "samples"), "  0 %  0 samples/s  ETA ?");
  EXPECT_EQ(describe_progress(0, 0, 0, 10, "images"), "100 %  0 images/s  ETA ?");
}

}  // namespace
}  // namespace lcr
