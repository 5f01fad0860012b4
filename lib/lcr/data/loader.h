// Batches of two augmented views, prepared ahead by worker threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/image/augment.h"

namespace lcr {

/// What one tensor of a batch shows.
struct ViewShare {
  int view = 0;  ///< which view of a sample: 0 the query view, 1 the key view
  /// The order in which the batch is shared among the ranks, as positions in the batch, by training
  /// step; not set: the batch's own order. Called by several threads at once.
  std::function<std::vector<std::int64_t>(std::int64_t step)> order = {};
};

/// One training batch.
struct TwoViewBatch {
  std::vector<std::int64_t> samples;             ///< N indices into the training set
  std::vector<std::vector<std::uint8_t>> views;  ///< one per ViewShare, N x size x size x 3, RGB
};

/// One tensor of a batch before it is rendered: N samples, and the parameters of their views.
struct ViewPlan {
  std::vector<std::int64_t> samples;
  std::vector<ViewParameters> parameters;
};

/// One batch before it is rendered.
struct BatchPlan {
  std::vector<std::int64_t> samples;  ///< N indices into the training set
  std::vector<ViewPlan> views;        ///< one per ViewShare
};

/// The samples of each batch of an epoch, and the parameters of their views, which depend on (seed,
/// epoch, sample, view) only. Each of several ranks plans its consecutive share of every batch, or
/// of the batch in another order. A last, smaller batch is dropped.
class EpochPlan {
 public:
  /// `set` and `options` must outlive the plan.
  EpochPlan(const ImageSet& set, const Options& options, std::uint64_t seed, std::int64_t epoch,
            int rank = 0, int ranks = 1, std::vector<ViewShare> shares = {{0}, {1}});
  std::int64_t batch_count() const { return batch_count_; }
  /// This rank's share of batch `index`: N = batch_size / ranks samples.
  BatchPlan batch(std::int64_t index) const;

 private:
  ViewPlan plan(std::vector<std::int64_t> samples, int view) const;

  const ImageSet& set_;
  const Options& options_;
  std::uint64_t seed_;
  std::int64_t epoch_, batch_count_;
  std::int64_t share_;  ///< images of this rank in each batch
  std::int64_t first_;  ///< index of the first of them within the batch
  std::vector<ViewShare> shares_;
  std::vector<std::int64_t> order_;
};

/// Delivers the batches of an EpochPlan in order, starting at batch `first`, rendered by `workers`
/// threads. At most `workers + 1` batches are held at a time.
class TwoViewLoader {
 public:
  /// `set` and `options` must outlive the loader.
  TwoViewLoader(const ImageSet& set, const Options& options, std::uint64_t seed, std::int64_t epoch,
                int workers, int rank = 0, int ranks = 1, std::int64_t first = 0,
                std::vector<ViewShare> shares = {{0}, {1}});
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
