#include "lcr/data/loader.h"

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/data/augment.h"

namespace lcr {

TwoViewLoader::TwoViewLoader(const ImageSet& set, const Options& options, std::uint64_t seed, std::int64_t epoch, int workers, int rank, int ranks)
    : set_(set),
      options_(options),
      seed_(seed),
      epoch_(epoch),
      batch_count_(set.count() / options.batch_size),
      share_(options.batch_size / ranks),
      first_(rank * share_),
      order_(random_permutation(CounterRng(RngKey(seed, "epoch order"), static_cast<std::uint32_t>(epoch)), set.count())),
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
  check_internal(delivered_ < batch_count_, "more batches asked for than the epoch has");
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
      room_.wait(lock, [&] { return stop_ || claimed_ == batch_count_ || claimed_ < delivered_ + capacity_; });
      if (stop_ || claimed_ == batch_count_) return;
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
  const std::int64_t n = share_, start = batch * options_.batch_size + first_, size = options_.image_size, bytes = size * size * 3;
  const RngKey key(seed_, "augmentation");
  TwoViewBatch out;
  out.samples.assign(order_.begin() + start, order_.begin() + start + n);
  std::uint32_t view_index = 0;
  for (auto* views : {&out.query, &out.key}) {
    const ViewRecipe recipe = training_recipe(options_, static_cast<int>(view_index));
    views->resize(static_cast<std::size_t>(n * bytes));
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t sample = out.samples[static_cast<std::size_t>(i)];
      const CounterRng rng(key, static_cast<std::uint32_t>(epoch_), static_cast<std::uint32_t>(sample), view_index);
      const ImageView image = set_.image(sample);
      const auto view = draw_view(rng, image.height, image.width, recipe);
      render_view(image.pixels, image.height, image.width, view, size, std::span(*views).subspan(static_cast<std::size_t>(i * bytes), static_cast<std::size_t>(bytes)));
    }
    ++view_index;
  }
  return out;
}

}  // namespace lcr
