#include "lcr/data/loader.h"

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/data/batch_options.h"
#include "lcr/image/view_options.h"

namespace lcr {

EpochPlan::EpochPlan(const ImageSet& set, const Options& options, std::uint64_t seed,
                     std::int64_t epoch, int rank, int ranks, std::vector<ViewShare> shares)
    : set_(set),
      options_(options),
      seed_(seed),
      epoch_(epoch),
      batch_count_(set.count() / options.get<BatchOptions>().batch_size),
      share_(options.get<BatchOptions>().batch_size / ranks),
      first_(rank * share_),
      shares_(std::move(shares)),
      order_(random_permutation(
          CounterRng(RngKey(seed, "epoch order"), static_cast<std::uint32_t>(epoch)),
          set.count())) {}

BatchPlan EpochPlan::batch(std::int64_t index) const {
  const auto whole = order_.begin() + index * options_.get<BatchOptions>().batch_size;
  BatchPlan batch;
  batch.samples.assign(whole + first_, whole + first_ + share_);
  for (const auto& share : shares_) {
    std::vector<std::int64_t> samples = batch.samples;
    if (share.order) {
      const auto order = share.order(epoch_ * batch_count_ + index);
      for (std::int64_t i = 0; i < share_; ++i)
        samples[static_cast<std::size_t>(i)] =
            *(whole + order[static_cast<std::size_t>(first_ + i)]);
    }
    batch.views.push_back(plan(std::move(samples), share.view));
  }
  return batch;
}

ViewPlan EpochPlan::plan(std::vector<std::int64_t> samples, int view) const {
  const RngKey key(seed_, "augmentation");
  const ViewRecipe recipe = training_recipe(options_, view);
  ViewPlan plan{std::move(samples), {}};
  for (const std::int64_t sample : plan.samples) {
    const ImageView image = set_.image(sample);
    const CounterRng rng(key, static_cast<std::uint32_t>(epoch_),
                         static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(view));
    plan.parameters.push_back(draw_view(rng, image.height, image.width, recipe));
  }
  return plan;
}

TwoViewLoader::TwoViewLoader(const ImageSet& set, const Options& options, std::uint64_t seed,
                             std::int64_t epoch, int workers, int rank, int ranks,
                             std::int64_t first, std::vector<ViewShare> shares)
    : set_(set),
      options_(options),
      plan_(set, options, seed, epoch, rank, ranks, std::move(shares)),
      claimed_(first),
      delivered_(first),
      capacity_(workers + 1) {
  try {
    for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
  } catch (...) {
    stop();
    throw;
  }
}

TwoViewLoader::~TwoViewLoader() { stop(); }

void TwoViewLoader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  room_.notify_all();
}

TwoViewBatch TwoViewLoader::next() {
  std::unique_lock lock(mutex_);
  check_internal(delivered_ < batch_count(), "more batches requested than the epoch has");
  ready_.wait(lock, [&] { return error_ || finished_.contains(delivered_); });
  if (error_) std::rethrow_exception(error_);
  TwoViewBatch batch = std::move(finished_.extract(delivered_).mapped());
  ++delivered_;
  lock.unlock();
  room_.notify_all();
  return batch;
}

void TwoViewLoader::work() {
  for (;;) {
    std::int64_t batch = 0;
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] {
        return stop_ || claimed_ == batch_count() || claimed_ < delivered_ + capacity_;
      });
      if (stop_ || claimed_ == batch_count()) return;
      batch = claimed_++;
    }
    try {
      TwoViewBatch made = make(batch);
      const std::lock_guard lock(mutex_);
      finished_.emplace(batch, std::move(made));
    } catch (...) {
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
    }
    ready_.notify_one();
  }
}

TwoViewBatch TwoViewLoader::make(std::int64_t batch) const {
  BatchPlan plan = plan_.batch(batch);
  const std::size_t n = plan.samples.size();
  const std::int64_t size = options_.get<InputOptions>().image_size;
  const auto view_bytes = static_cast<std::size_t>(size * size * 3);
  TwoViewBatch out;
  for (const auto& view : plan.views) {
    auto& rendered = out.views.emplace_back(n * view_bytes);
    for (std::size_t i = 0; i < n; ++i) {
      const ImageView image = set_.image(view.samples[i]);
      const auto target = std::span(rendered).subspan(i * view_bytes, view_bytes);
      render_view(image.pixels, image.height, image.width, view.parameters[i], size, target);
    }
  }
  out.samples = std::move(plan.samples);
  return out;
}

}  // namespace lcr
