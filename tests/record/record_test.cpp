#include <set>

#include <gtest/gtest.h>

#include "lcr/base/csv.h"
#include "lcr/base/files.h"
#include "lcr/config/command_line.h"
#include "lcr/config/options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/experiment/option_table.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/record/results_csv.h"
#include "lcr/record/run_identity.h"
#include "lcr/record/run_store.h"
#include "lcr/train/training_options.h"
#include "tests/support/files.h"

namespace lcr {
namespace {

using testing::expect_user_error;
using testing::TemporaryFolder;

Options resolved(std::initializer_list<std::pair<const char*, const char*>> settings = {}) {
  Options options;
  for (const auto& [name, value] : settings) set_option(options, name, value, "test");
  resolve_variant(options);
  return options;
}

TEST(Options, TableIsSound) {
  std::set<std::string> names;
  const Options defaults;
  for (const auto& spec : option_table()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name << " is listed twice";
    EXPECT_GT(std::string(spec.meaning).size(), 5U) << spec.name;
    const std::string value = get_option(defaults, spec);
    const bool from_variant = !spec.choices.empty() && value.empty();
    if (from_variant || std::string(spec.name) == "tau") continue;
    Options copy;
    EXPECT_NO_THROW(set_option(copy, spec.name, value, "default")) << spec.name;
    EXPECT_EQ(get_option(copy, spec), value);
  }
}

TEST(Options, BadValuesAreRefusedWithNameAndSource) {
  Options o;
  const std::pair<const char*, const char*> bad[] = {
      {"projections", "0"}, {"projections", "-1"},  {"projections", "8.5"}, {"projections", ""},
      {"batch-size", "0"},  {"temperature", "0"},   {"tau", "0"},           {"key-momentum", "1.1"},
      {"nu", "-1"},         {"nu", "nan"},          {"lr", "abc"},          {"method", "simclr"},
      {"variant", "mine"},  {"symmetric", "maybe"}, {"embedding-dim", "0"}, {"dataset", "mnist"},
      {"epochs", "1e2"}};
  for (const auto& each : bad)
    expect_user_error([&] { set_option(o, each.first, each.second, "somewhere.ini"); }, each.first,
                      "somewhere.ini");
  expect_user_error([&] { set_option(o, "no-such", "1", "x.ini"); }, "no-such", "x.ini");
}

TEST(Options, ConsistencyIsChecked) {
  expect_user_error(
      [] {
        check_consistency(resolved({{"queue-size", "1000"}, {"batch-size", "128"}}));
      },
      "queue-size = 1000", "1024");
  expect_user_error(
      [] {
        check_consistency(resolved({{"batch-size", "128"}, {"key-bn-groups", "3"}}));
      },
      "key-bn-groups");
  expect_user_error(
      [] {
        check_consistency(resolved({{"batch-size", "128"}, {"ranks", "3"}}));
      },
      "ranks x key-bn-groups = 3 x 1");
  expect_user_error(
      [] {
        check_consistency(
            resolved({{"batch-size", "128"}, {"ranks", "8"}, {"key-bn-groups", "16"}}));
      },
      "at least 2 images per group");
  expect_user_error(
      [] {
        check_consistency(resolved({{"batch-size", "1"}, {"queue-size", "4"}}));
      },
      "at least 2");
  expect_user_error(
      [] {
        check_consistency(resolved({{"batch-size", "128"}, {"virtual-gpus", "3"}}));
      },
      "batch-size = 128 is not a multiple of virtual-gpus = 3");
  expect_user_error(
      [] {
        check_consistency(resolved({{"batch-size", "128"}, {"virtual-gpus", "128"}}));
      },
      "at least 2 images per GPU");
  for (const char* other : {"ranks", "key-bn-groups"})
    expect_user_error(
        [&] {
          check_consistency(resolved({{"virtual-gpus", "2"}, {other, "2"}}));
        },
        "cannot be combined", other);
  EXPECT_NO_THROW(check_consistency(resolved({{"virtual-gpus", "4"}})));
  expect_user_error(
      [] {
        check_consistency(resolved({{"image-size", "224"}, {"test-resize", "100"}}));
      },
      "test-resize");
  expect_user_error(
      [] {
        check_consistency(resolved({{"blur-sigma-min", "3"}}));
      },
      "blur-sigma-min");
  EXPECT_NO_THROW(check_consistency(resolved()));
}

TEST(Options, SeedsAreParsedStrictly) {
  EXPECT_EQ(parse_seeds("0,7,3"), (std::vector<std::uint64_t>{0, 7, 3}));
  for (const char* bad : {"", "a", "1,", "1,1", "-1", "1;2"})
    expect_user_error([&] { parse_seeds(bad); }, "seeds");
}

TEST(Options, VariantsSetWhatIsNotSet) {
  const Options authors = resolved({{"variant", "authors_code"}});
  EXPECT_EQ(authors.get<LcrOptions>().cam_source, "loss");
  EXPECT_EQ(authors.get<LcrOptions>().kl_axis, "rows");
  EXPECT_EQ(authors.get<LcrOptions>().tau, 1);
  EXPECT_EQ(authors.get<LcrOptions>().cam_scale, "none");
  EXPECT_EQ(authors.get<LcrOptions>().mask_norm, "batch");
  EXPECT_EQ(authors.get<LcrOptions>().detach_target, "no");
  EXPECT_EQ(authors.get<LcrOptions>().kl_reduction, "sum");
  EXPECT_EQ(authors.get<LcrOptions>().gfb_bn_updates, "as_authors");
  const Options a1 = resolved({{"variant", "algorithm_a1"}});
  EXPECT_EQ(a1.get<LcrOptions>().cam_source, "positive_logit");
  EXPECT_EQ(a1.get<LcrOptions>().kl_axis, "positions");
  EXPECT_EQ(a1.get<LcrOptions>().tau, 0.4);
  EXPECT_EQ(a1.get<LcrOptions>().mask_norm, "none");
  EXPECT_EQ(a1.get<LcrOptions>().detach_target, "yes");
  const Options rescaled = resolved({{"variant", "algorithm_a1_rescaled"}, {"tau", "1"}});
  EXPECT_EQ(rescaled.get<LcrOptions>().cam_scale, "max");
  EXPECT_EQ(rescaled.get<LcrOptions>().mask_norm, "image");
  EXPECT_EQ(rescaled.get<LcrOptions>().tau, 1);
}

TEST(Identity, OnlyActiveOptionsCount) {
  const RunInputs inputs{0, "data", ""};
  const auto hash = [&](std::initializer_list<std::pair<const char*, const char*>> settings) {
    return identify_run(resolved(settings), inputs).hash;
  };
  // A K sweep must not retrain its baseline.
  EXPECT_EQ(hash({{"method", "moco_v2"}}), hash({{"method", "moco_v2"},
                                                 {"projections", "8"},
                                                 {"tau", "0.7"},
                                                 {"nu", "1"},
                                                 {"variant", "authors_code"}}));
  EXPECT_NE(hash({{"method", "lcr"}}), hash({{"method", "lcr"}, {"projections", "8"}}));
  // A variant and the switches that it sets are the same run.
  EXPECT_EQ(hash({{"variant", "algorithm_a1_rescaled"}}),
            hash({{"variant", "algorithm_a1"}, {"cam-scale", "max"}, {"mask-norm", "image"}}));
  EXPECT_EQ(hash({{"nu", "0"}, {"tau", "0.9"}}), hash({{"nu", "0"}}));
  EXPECT_EQ(hash({{"method", "untrained"}}),
            hash({{"method", "untrained"}, {"epochs", "3"}, {"lr", "1"}}));
  // Options that a structure does not use do not count; those that it uses do.
  EXPECT_EQ(hash({{"gfb", "random"}}),
            hash({{"gfb", "random"}, {"nu", "0.5"}, {"tau", "1"}, {"mask-norm", "none"}}));
  EXPECT_NE(hash({{"gfb", "random"}}), hash({{"gfb", "random"}, {"projections", "64"}}));
  EXPECT_EQ(hash({{"gfb", "mlp"}}), hash({{"gfb", "mlp"}, {"projections", "64"}}));
  for (const char* method : {"moco_v2", "lcr", "byol", "supervised", "untrained"}) {
    EXPECT_EQ(hash({{"method", method}}), hash({{"method", method}, {"virtual-gpus", "1"}}));
    const bool counts = std::string(method) != "supervised" && std::string(method) != "untrained";
    EXPECT_EQ(counts,
              hash({{"method", method}}) != hash({{"method", method}, {"virtual-gpus", "4"}}))
        << method;
  }
  // Control options never count.
  EXPECT_EQ(hash({}),
            hash({{"threads", "7"}, {"device", "cuda"}, {"jobs", "3"}, {"results", "elsewhere"}}));
}

TEST(Identity, SeedDataAndInitialWeightsCount) {
  const Options options = resolved();
  const auto run = identify_run(options, {0, "data", ""});
  EXPECT_NE(run.hash, identify_run(options, {1, "data", ""}).hash);
  EXPECT_EQ(run.config_hash, identify_run(options, {1, "data", ""}).config_hash);
  EXPECT_NE(run.config_hash, identify_run(options, {0, "other", ""}).config_hash);
  // A run made from another program's checkpoint is never one that is trained here.
  const auto imported = identify_run(options, {0, "data", "", "digest"});
  EXPECT_NE(run.config_hash, imported.config_hash);
  EXPECT_NE(imported.config_hash, identify_run(options, {0, "data", "", "other"}).config_hash);
  EXPECT_NE(imported.text.find("\nimported=digest\n"), std::string::npos);
  const auto started = identify_run(options, {0, "data", "weights"});
  EXPECT_NE(run.hash, started.hash);
  EXPECT_EQ(started.text.find("init-partial"), std::string::npos);
  EXPECT_NE(started.hash,
            identify_run(resolved({{"init-partial", "yes"}}), {0, "data", "weights"}).hash);
  EXPECT_EQ(run.directory, "fashion-mnist-lcr-" + run.hash.substr(0, 12) + "-s0");
}

TEST(Identity, TheTextNamesItsInputs) {
  const RunInputs inputs{7, "data", "run abc", "digest"};
  const RunInputs read = inputs_of_text(canonical_text(resolved(), inputs));
  EXPECT_EQ(read.seed, 7U);
  EXPECT_EQ(read.data_fingerprint, "data");
  EXPECT_EQ(read.init, "run abc");
  EXPECT_EQ(read.imported, "digest");
  const RunInputs none = inputs_of_text(canonical_text(resolved(), {0, "data", ""}));
  EXPECT_EQ(none.init, "");
  EXPECT_EQ(none.imported, "");
}

TEST(Identity, DefaultsAreLeftOutSoThatNewOptionsChangeNoHash) {
  // Frozen: all defaults leave only the method's resolved switches.
  EXPECT_EQ(canonical_text(resolved({{"method", "moco_v2"}}), {5, "d", ""}),
            "data=d\nmethod=moco_v2\nnumerics_revision=4\nseed=5\n");
}

TEST(Identity, RevisionIsTheLastThatConcernsTheRun) {
  // Revision 5 changed runs whose branch sees shuffled key maps, and no others.
  const auto revision = [](const char* method, const char* variant, const char* option) {
    return numerics_revision(resolved({{"method", method}, {"variant", variant}, {option, "2"}}));
  };
  for (const char* option : {"ranks", "virtual-gpus", "key-bn-groups"}) {
    EXPECT_EQ(revision("lcr", "authors_code", option), 5) << option;
    EXPECT_EQ(revision("lcr", "algorithm_a1", option), 4) << option;
    EXPECT_EQ(revision("byol_lcr", "authors_code", option), 4) << option;
  }
  EXPECT_EQ(revision("lcr", "authors_code", "epochs"), 4);
  // Revision 7 changed networks in float32, revision 8 of these the ones with 256 channels.
  const auto in = [](const char* method, const char* precision, const char* width = "32") {
    return resolved({{"method", method}, {"precision", precision}, {"width", width}});
  };
  EXPECT_EQ(numerics_revision(in("untrained", "float32")), 8);
  EXPECT_EQ(numerics_revision(in("untrained", "float32", "31")), 7);
  EXPECT_EQ(numerics_revision(resolved({{"arch", "resnet18"}, {"precision", "float32"}})), 8);
  EXPECT_EQ(numerics_revision(in("lcr", "float32"), 7), 7);
  EXPECT_EQ(numerics_revision(in("lcr", "bfloat16")), 4);
  EXPECT_EQ(numerics_revision(resolved({{"method", "raw_pixels"}})), 4);
  // Older records keep theirs.
  EXPECT_EQ(numerics_revision(in("lcr", "float32"), 6), 4);
  RunInputs older{5, "d", ""};
  older.numerics = 6;
  EXPECT_NE(canonical_text(in("lcr", "float32"), older).find("numerics_revision=4\n"),
            std::string::npos);
}

class CommandLineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(home.path() / "presets");
    std::filesystem::create_directories(home.path() / "plots/specs");
    for (const char* known : {"c1.json", "d1.json"})
      write_atomic(home.path() / "plots/specs" / known, "{}");
    write_atomic(home / "presets/quick.ini",
                 "lr = 0.5\nepochs = 7\n[c1]\nepochs = 9\n[d1]\nepochs = 11\n");
  }
  CommandLine parse(const std::vector<std::string>& arguments, const std::string& id = "c1") {
    return parse_command_line(arguments, {id}, home.path());
  }
  TemporaryFolder home;
};

TEST_F(CommandLineTest, LayersOverrideEachOther) {
  EXPECT_EQ(parse({}).options.get<TrainingOptions>().lr, 0.5);
  EXPECT_EQ(parse({}).options.get<TrainingOptions>().epochs, 9);
  EXPECT_EQ(parse({}, "d1").options.get<TrainingOptions>().epochs, 11);
  EXPECT_EQ(parse({}, "e1").options.get<TrainingOptions>().epochs, 7);
  write_atomic(home / "own.ini", "epochs = 13\n");
  EXPECT_EQ(parse({"--config", (home / "own.ini").string()}).options.get<TrainingOptions>().epochs,
            13);
  const auto command =
      parse({"--config", (home / "own.ini").string(), "--epochs", "15", "--dry-run"});
  EXPECT_EQ(command.options.get<TrainingOptions>().epochs, 15);
  EXPECT_TRUE(command.options.get<ExecutionOptions>().dry_run);
  EXPECT_TRUE(command.given.contains("epochs"));
  EXPECT_EQ(command.options.get<ProgramOptions>().results, "results/quick");
}

TEST_F(CommandLineTest, LaterSectionsOverrideEarlierOnesWhateverTheirOrderInTheFile) {
  write_atomic(home / "presets/host.ini",
               "[byol-cub200]\nlr = 0.4\n[byol]\nlr = 0.3\nepochs = 3\n[c1]\nlr = 0.2\nepochs = "
               "2\nbatch-size = 16\n");
  const auto with = [&](const std::vector<std::string>& sections,
                        std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--preset", "host"});
    return parse_command_line(more, sections, home.path()).options;
  };
  EXPECT_EQ(with({"c1"}).get<TrainingOptions>().lr, 0.2);
  EXPECT_EQ(with({"c1", "byol", "byol-fashion-mnist"}).get<TrainingOptions>().lr, 0.3);
  const Options all = with({"c1", "byol", "byol-cub200"});
  EXPECT_EQ(all.get<TrainingOptions>().lr, 0.4);
  EXPECT_EQ(all.get<TrainingOptions>().epochs, 3);
  EXPECT_EQ(all.get<BatchOptions>().batch_size, 16);
  EXPECT_EQ(with({"c1", "byol", "byol-cub200"}, {"--lr", "0.5"}).get<TrainingOptions>().lr, 0.5);
}

TEST_F(CommandLineTest, FilesMayBeginWithAByteOrderMark) {
  write_atomic(home / "presets/marked.ini", "\xEF\xBB\xBFlr = 0.25\r\n[c1]\r\nepochs = 3\r\n");
  write_atomic(home / "own.ini", "\xEF\xBB\xBF# ours\nbatch-size = 16\n");
  const auto options =
      parse({"--preset", "marked", "--config", (home / "own.ini").string()}).options;
  EXPECT_EQ(options.get<TrainingOptions>().lr, 0.25);
  EXPECT_EQ(options.get<TrainingOptions>().epochs, 3);
  EXPECT_EQ(options.get<BatchOptions>().batch_size, 16);
  write_atomic(home / "own.ini", "\xEF\xBB\xBF[c1]\nepochs = 4\n");
  EXPECT_EQ(parse({"--config", (home / "own.ini").string()}).options.get<TrainingOptions>().epochs,
            4);
  write_atomic(home / "presets/marked.ini", std::string("\xFF\xFEl\0r\0", 6));
  expect_user_error([&] { parse({"--preset", "marked"}); }, "marked.ini", "UTF-16", "in UTF-8");
}

TEST_F(CommandLineTest, BadInputIsOneLine) {
  expect_user_error([&] { parse({"--no-such", "1"}); }, "no-such");
  expect_user_error([&] { parse({"--epoch", "1"}); }, "epoch");
  expect_user_error([&] { parse({"stray"}); }, "stray");
  expect_user_error([&] { parse({"--lr"}); }, "lr");
  expect_user_error([&] { parse({"--lr", "1", "--lr", "2"}); }, "lr", "twice");
  expect_user_error([&] { parse({"--preset", "nope"}); }, "nope", "quick");
  expect_user_error([&] { parse({"--config", "/no/such.ini"}); }, "/no/such.ini");
  write_atomic(home / "presets/bad.ini", "[c1]\nlr = 0.1\nlearning-rate = 1\n");
  expect_user_error([&] { parse({"--preset", "bad"}); }, "bad.ini", "learning-rate");
  write_atomic(home / "presets/bad.ini", "[z9]\nlr = 0.1\n");
  expect_user_error([&] { parse({"--preset", "bad"}); }, "bad.ini", "z9");
  // Another experiment's section is checked too.
  write_atomic(home / "presets/bad.ini", "[d1]\nlr = fast\n");
  expect_user_error([&] { parse({"--preset", "bad"}); }, "bad.ini", "fast");
  write_atomic(home / "presets/bad.ini", "no equals sign\n");
  expect_user_error([&] { parse({"--preset", "bad"}); }, "bad.ini");
}

TEST_F(CommandLineTest, ShippedPresetsParseAndHelpNamesEveryOption) {
  const std::string help = help_text("program", "title");
  for (const auto& spec : option_table())
    if (!std::string(spec.name).starts_with("worker-"))
      EXPECT_NE(help.find("--" + std::string(spec.name) + " "), std::string::npos) << spec.name;
  int presets = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(LCR_SOURCE_DIR) / "presets")) {
    if (entry.path().extension() != ".ini") continue;
    ++presets;
    for (const bool byol : {false, true}) {
      std::vector<std::string> sections = {"c1"};
      if (byol) sections = {"main", "byol", "byol-cub200"};
      const std::vector<std::string> arguments = {"--preset", entry.path().string()};
      Options options = parse_command_line(arguments, sections, LCR_SOURCE_DIR).options;
      if (byol) options.get<MethodOptions>().method = "byol_lcr";
      resolve_variant(options);
      EXPECT_NO_THROW(check_consistency(options)) << entry.path();
    }
  }
  EXPECT_GE(presets, 3);
}

RunResult sample_result() {
  RunResult result;
  result.measurements = {{"last", "average", "rank1", 12.5, 3}};
  result.evaluation_hash = "e";
  result.provenance.commit = "c";
  return result;
}

TEST(RunStore, AbsentUntilFinished) {
  const TemporaryFolder folder;
  const RunStore store(folder.path());
  const Options options = resolved();
  const auto run = identify_run(options, {0, "d", ""});
  EXPECT_FALSE(store.find(run));
  const FileLock lock = store.lock(run);
  store.begin(run, options);
  EXPECT_FALSE(store.find(run));
  EXPECT_EQ(read_text(store.directory(run) / "identity.txt"), run.text);
  store.finish(run, sample_result());
  const auto found = store.find(run);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->measurements[0].value, 12.5);
  EXPECT_EQ(found->measurements[0].epoch, 3);
}

TEST(RunStore, DamagedOrForeignRecordsAreRefused) {
  const TemporaryFolder folder;
  const RunStore store(folder.path());
  const Options options = resolved();
  auto run = identify_run(options, {0, "d", ""});
  const FileLock lock = store.lock(run);
  store.begin(run, options);
  write_atomic(store.directory(run) / "result.json", "{\"identity\": ");
  expect_user_error([&] { store.find(run); }, "result.json", "damaged");
  write_atomic(store.directory(run) / "result.json", "{\"identity\": \"" + run.hash + "\"}");
  expect_user_error([&] { store.find(run); }, "result.json");
  store.finish(run, sample_result());
  run.hash[0] = run.hash[0] == '0' ? '1' : '0';
  expect_user_error([&] { store.find(run); }, "another run");
}

TEST(RunStore, ConfigIniReadsBack) {
  const TemporaryFolder folder;
  const RunStore store(folder.path());
  const Options options = resolved({{"variant", "authors_code"}, {"epochs", "3"}});
  const auto run = identify_run(options, {0, "d", ""});
  const FileLock lock = store.lock(run);
  store.begin(run, options);
  const auto again = parse_command_line(
      {"--preset", (store.directory(run) / "config.ini").string()}, {"c1"}, LCR_SOURCE_DIR);
  Options reread = again.options;
  resolve_variant(reread);
  EXPECT_EQ(identify_run(reread, {0, "d", ""}).hash, run.hash);
}

TEST(RunStore, OptionsThatDriftedAreRefusedByName) {
  const TemporaryFolder folder;
  const RunStore store(folder.path());
  const Options options = resolved({{"epochs", "3"}});
  const auto run = identify_run(options, {0, "d", ""});
  const FileLock lock = store.lock(run);
  store.begin(run, options);
  store.begin(run, options);  // beginning the same run again is fine
  const auto directory = store.directory(run);
  const std::string config = read_text(directory / "config.ini");
  std::string changed = config;
  changed.replace(changed.find("epochs = 3"), 10, "epochs = 4");
  write_atomic(directory / "config.ini", changed);
  expect_user_error([&] { store.begin(run, options); }, "config.ini", "epochs: 4 there, 3 here");
  // An option that did not exist when the file was written has its default.
  std::string shorter = config;
  shorter.erase(shorter.find("schedule-epochs = 0\n"), 20);
  write_atomic(directory / "config.ini", shorter);
  EXPECT_NO_THROW(store.begin(run, options));
  write_atomic(directory / "identity.txt",
               identify_run(resolved({{"epochs", "3"}, {"lr", "0.5"}}), {0, "d", ""}).text);
  expect_user_error([&] { store.begin(run, options); }, "identity.txt",
                    "lr: 0.5 there, absent here");
  // The same for a finished run.
  store.finish(run, sample_result());
  RunIdentity other = run;
  other.text = identify_run(resolved({{"epochs", "3"}, {"lr", "0.25"}}), {0, "d", ""}).text;
  other.hash = std::string(64, 'f');
  expect_user_error([&] { store.find(other); }, "lr: 0.5 there, 0.25 here");
}

TEST(RunStore, AnImportedRunIsDoneWithoutMeasurements) {
  const TemporaryFolder folder;
  const RunStore store(folder.path());
  const Options options = resolved();
  const auto run = identify_run(options, {0, "d", "", "digest"});
  const FileLock lock = store.lock(run);
  store.begin(run, options);
  RunResult result;
  result.provenance.imported = "imported from a.pth";
  store.finish(run, result);
  const StoredRun stored = inspect_run(store.directory(run));
  EXPECT_EQ(stored.state, RunState::kDone) << stored.problem;
  EXPECT_EQ(stored.result->provenance.imported, "imported from a.pth");
  EXPECT_FALSE(store.find(identify_run(options, {0, "d", ""})));
}

TEST(RunStore, InspectionKnowsTheStates) {
  const TemporaryFolder folder;
  const RunStore store(folder.path());
  const Options options = resolved();
  const auto run = identify_run(options, {3, "d", "run abc"});
  {
    const FileLock lock = store.lock(run);
    EXPECT_TRUE(inspect_run(store.directory(run)).holder);
    store.begin(run, options);
  }
  const auto directory = store.directory(run);
  EXPECT_FALSE(inspect_run(directory).holder);
  EXPECT_EQ(inspect_run(directory).state, RunState::kPartial);
  store.finish(run, sample_result());
  EXPECT_EQ(inspect_run(directory).state, RunState::kDone) << inspect_run(directory).problem;
  EXPECT_EQ(inspect_run(directory).result->measurements.size(), 1U);
  std::filesystem::create_directories(directory / "evaluations");
  write_atomic(directory / "evaluations/0.json", "{\"identity\": \"another\"}");
  EXPECT_EQ(inspect_run(directory).state, RunState::kDamaged);
  EXPECT_NE(inspect_run(directory).problem.find("another run"), std::string::npos);
}

TEST(Options, CheckpointIntervals) {
  EXPECT_EQ(parse_checkpoint_interval("10min").minutes, 10);
  EXPECT_EQ(parse_checkpoint_interval("0.5min").minutes, 0.5);
  EXPECT_EQ(parse_checkpoint_interval("1epoch").epochs, 1);
  EXPECT_EQ(parse_checkpoint_interval("5epochs").epochs, 5);
  EXPECT_EQ(parse_checkpoint_interval("5epochs").minutes, 0);
  EXPECT_EQ(parse_checkpoint_interval("never").minutes, 0);
  for (const char* bad :
       {"", "10", "min", "0min", "-1min", "1.5epochs", "0epochs", "10 min", "1e99min", "always"})
    expect_user_error([&] { parse_checkpoint_interval(bad); }, "checkpoint-every = '");
}

TEST(ResultsCsv, ValuesThatAreNoNumbersAreRefused) {
  const TemporaryFolder folder;
  ResultRow row;
  row.fill("7");
  row[result_column("schema")] = std::to_string(kResultsSchema);
  for (const char* bad : {"", "54,3", "1.234,5", "nan", "inf", "#NUM!", "12 %", " 1", "1e999"}) {
    row[result_column("value")] = bad;
    write_results(folder / "r.csv", {row});
    expect_user_error([&] { read_results(folder / "r.csv"); }, "r.csv", "row '7', seed 7",
                      "value '" + std::string(bad) + "' is not a finite number");
  }
}

TEST(ResultsCsv, RoundTripAndNewerSchema) {
  const TemporaryFolder folder;
  ResultRow row;
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = std::string(kResultColumns[i]) + ", \"x\"";
  row[result_column("schema")] = std::to_string(kResultsSchema);
  row[result_column("seed")] = "7";
  row[result_column("value")] = "-1.5e-3";
  row[result_column("epoch")] = "";
  write_results(folder / "r.csv", {row, row});
  EXPECT_EQ(read_results(folder / "r.csv"), (std::vector<ResultRow>{row, row}));
  row[result_column("schema")] = "99";
  write_results(folder / "r.csv", {row});
  expect_user_error([&] { read_results(folder / "r.csv"); }, "schema '99'");
  row[result_column("schema")] = std::to_string(kResultsSchema);
  for (const char* seed : {"", "-1", "1.5", "x"}) {
    row[result_column("seed")] = seed;
    write_results(folder / "r.csv", {row});
    expect_user_error([&] { read_results(folder / "r.csv"); },
                      "seed '" + std::string(seed) + "' is not a whole number from 0");
  }
  EXPECT_THROW(result_column("no such"), std::logic_error);
}

}  // namespace
}  // namespace lcr
