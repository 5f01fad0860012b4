#include "lcr/experiment/checkpoints.h"

#include <algorithm>

#include <fmt/core.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/experiment/control_options.h"
#include "lcr/weights/safetensors.h"

namespace lcr {
namespace fs = std::filesystem;

std::string describe_environment(const Options& options, const Provenance& provenance, bool cuda) {
  if (cuda)
    return fmt::format("device={}\nlibtorch={}\n{}deterministic={}\n", provenance.device,
                       provenance.libtorch, provenance.libraries,
                       options.get<ExecutionOptions>().deterministic ? "yes" : "no");
  return fmt::format("device=cpu\nlibtorch={}\n{}isa={}\nthreads={}\n", provenance.libtorch,
                     provenance.libraries, provenance.isa, provenance.threads);
}

Checkpoints::Checkpoints(fs::path directory, std::string identity, std::string environment,
                         const Options& options, bool inexact_init)
    : directory_(std::move(directory)),
      identity_(std::move(identity)),
      environment_(std::move(environment)),
      interval_(parse_checkpoint_interval(options.get<ExecutionOptions>().checkpoint_every)),
      inexact_allowed_(options.get<ExecutionOptions>().inexact_resume),
      inexact_always_(environment_.find("deterministic=no") != std::string::npos),
      inexact_(inexact_init) {}

fs::path Checkpoints::file(const std::string& name) const {
  fs::create_directories(directory_ / "checkpoints");
  return directory_ / "checkpoints" / (name + ".safetensors");
}

void Checkpoints::keep(Trainer& trainer, const std::string& name, std::int64_t epochs_done) const {
  trainer.save(file(name), {.identity = identity_,
                            .epochs_done = epochs_done,
                            .environment = environment_,
                            .inexact = inexact_});
}

bool Checkpoints::due() const {
  return interval_.minutes > 0 &&
         std::chrono::duration<double, std::ratio<60>>(Clock::now() - written_).count() >=
             interval_.minutes;
}

bool Checkpoints::due_after(std::int64_t epochs_done) const {
  return interval_.epochs > 0 && epochs_done % interval_.epochs == 0;
}

void Checkpoints::write(Trainer& trainer, const TrainingRecord& record) {
  const std::int64_t steps = record.epochs_done * trainer.steps_per_epoch() + record.log.steps;
  trainer.save(file(fmt::format("resume-{:012}", steps)), {.identity = identity_,
                                                           .epochs_done = record.epochs_done,
                                                           .steps_done = record.log.steps,
                                                           .environment = environment_,
                                                           .progress = to_text(record),
                                                           .inexact = inexact_});
  const auto files = resume_files(directory_);
  for (std::size_t i = 2; i < files.size(); ++i) fs::remove(files[i]);
  written_ = Clock::now();
}

void Checkpoints::resume(Trainer& trainer, TrainingRecord& record) {
  const auto files = resume_files(directory_);
  std::string damage;
  std::vector<fs::path> damaged;
  for (const auto& path : files) {
    CheckpointInfo info;
    TrainingRecord stored;
    try {
      info = trainer.load(path, identity_);
      stored = parse_training_record(info.progress, path.string());
      if (stored.epochs_done != info.epochs_done || stored.log.steps != info.steps_done)
        fail("{}: damaged: its records belong to another step", path.string());
    } catch (const ForeignCheckpoint&) {
      throw;
    } catch (const UserError& e) {
      damage = e.what();
      // A file that cannot be read may be intact: it is not removed.
      if (::access(path.c_str(), R_OK) == 0) damaged.push_back(path);
      say("warning: {}; it is skipped\n", damage);
      continue;
    }
    const auto differences = describe_differences(info.environment, environment_);
    if (!differences.empty() && !inexact_allowed_)
      fail(
          "{}: resuming from it would not give the same bits ({}, where 'there' is the "
          "checkpoint): run under the same conditions as before, give --inexact-resume, or remove "
          "{} to train the run again",
          path.string(), differences, directory_.string());
    // Damaged files must not count among the last two.
    for (const auto& useless : damaged) fs::remove(useless);
    record = std::move(stored);
    ++record.resumed;
    const bool repeats = !inexact_always_ && differences.empty();
    record.inexact_resume = record.inexact_resume || !repeats;
    inexact_ = inexact_ || record.inexact_resume;
    drop_abandoned_best(record, repeats);
    say("{}: resumes after epoch {}, step {} of the next{}\n", directory_.filename().string(),
        record.epochs_done, record.log.steps,
        differences.empty() ? "" : "; inexactly: " + differences);
    return;
  }
  if (!files.empty())
    fail("{}; so is every other checkpoint of this run: remove {} to train it again", damage,
         directory_.string());
}

void Checkpoints::drop_abandoned_best(const TrainingRecord& record, bool repeats) const {
  const fs::path best = file("best_rank1");
  if (!fs::exists(best)) return;
  const auto metadata = read_safetensors(best).metadata;
  const auto entry = metadata.find("epochs_done");
  const auto epoch = entry == metadata.end() ? std::nullopt : parse_integer(entry->second);
  // An epoch before the checkpoint is part of this training too.
  if (epoch && *epoch <= record.epochs_done) return;
  const bool is_inexact =
      std::find(metadata.begin(), metadata.end(), kInexactMark) != metadata.end();
  if (repeats && is_inexact == inexact_) return;  // that epoch will be repeated, with the same bits
  fs::remove(best);
  say("warning: {} belonged to a later epoch of another continuation, which this one does not "
      "repeat: removed; there are no weights of the best epoch until a better one is reached\n",
      best.string());
}

std::string Checkpoints::newest() const {
  const auto files = resume_files(directory_);
  return files.empty() ? "" : files.front().string();
}

void Checkpoints::clear(const fs::path& directory) {
  for (const auto& path : resume_files(directory)) fs::remove(path);
}

std::vector<fs::path> Checkpoints::resume_files(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory / "checkpoints", none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("resume-") && name.ends_with(".safetensors"))
      files.push_back(entry.path());
  }
  std::sort(files.rbegin(), files.rend());
  return files;
}

}  // namespace lcr
