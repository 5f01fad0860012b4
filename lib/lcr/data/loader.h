// Batches of two augmented views, prepared ahead by worker threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/image/augment.h"

namespace lcr {

/// One training batch.
struct TwoViewBatch {
  std::vector<std::int64_t> samples;     ///< N indices into the training set
  std::vector<std::uint8_t> query, key;  ///< N x size x size x 3 each, RGB
};

/// One batch before it is rendered.
struct BatchPlan {
  std::vector<std::int64_t> samples;       ///< N indices into the training set
  std::vector<ViewParameters> query, key;  ///< N each
};

/// The samples of each batch of an epoch, and the parameters of their views, which depend on (seed,
/// epoch, sample, view) only. Each of several ranks plans its consecutive share of every batch. A
/// last, smaller batch is dropped.
class EpochPlan {
 public:
  /// `set` and `options` must outlive the plan.
  EpochPlan(const ImageSet& set, const Options& options, std::uint64_t seed, std::int64_t epoch,
            int rank = 0, int ranks = 1);
  std::int64_t batch_count() const { return batch_count_; }
  /// This rank's share of batch `index`: N = batch_size / ranks samples.
  BatchPlan batch(std::int64_t index) const;

 private:
  const ImageSet& set_;
  const Options& options_;
  std::uint64_t seed_;
  std::int64_t epoch_, batch_count_;
  std::int64_t share_;  ///< images of this rank in each batch
  std::int64_t first_;  ///< index of the first of them within the batch
  std::vector<std::int64_t> order_;
};

/// Delivers the batches of an EpochPlan in order, starting at batch `first`, rendered by `workers`
/// threads. At most `workers + 1` batches are held at a time.
class TwoViewLoader {
 public:
  /// `set` and `options` must outlive the loader.
  TwoViewLoader(const ImageSet& set, const Options& options, std::uint64_t seed, std::int64_t epoch,
                int workers, int rank = 0, int ranks = 1, std::int64_t first = 0);
  ~TwoViewLoader();
  TwoViewLoader(const TwoViewLoader&) = delete;
  TwoViewLoader& operator=(const TwoViewLoader&) = delete;

  std::int64_t batch_count() const { return plan_.batch_count(); }
  /// The next batch; there must be one left. Rethrows a worker's exception.
  TwoViewBatch next();

 private:
  void work();
  void stop();
  TwoViewBatch make(std::int64_t batch) const;

  const ImageSet& set_;
  const Options& options_;
  const EpochPlan plan_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::map<std::int64_t, TwoViewBatch> finished_;
  std::exception_ptr error_;
  std::int64_t claimed_, delivered_, capacity_;
  bool stop_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace lcr
