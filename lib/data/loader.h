// Batches of two augmented views, prepared ahead by worker threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/record/options.h"

namespace lcr {

/// One training batch.
struct TwoViewBatch {
  std::vector<std::int64_t> samples;          ///< N indices into the training set
  std::vector<std::uint8_t> query, key;       ///< N x size x size x 3 each, RGB
};

/// Delivers the batches of one epoch in order. The order of samples and every view depend on (seed, epoch, sample, view)
/// alone, whatever the number of workers. At most `workers + 1` batches are held at a time. The last, smaller batch of an
/// epoch is dropped. Of several ranks each has a loader of its own, which delivers its consecutive share of every batch.
class TwoViewLoader {
 public:
  /// `set` and `options` must outlive the loader.
  TwoViewLoader(const ImageSet& set, const Options& options, std::uint64_t seed, std::int64_t epoch, int workers, int rank = 0, int ranks = 1);
  ~TwoViewLoader();
  TwoViewLoader(const TwoViewLoader&) = delete;
  TwoViewLoader& operator=(const TwoViewLoader&) = delete;

  std::int64_t batch_count() const { return batch_count_; }
  /// The next batch; call at most batch_count() times. Rethrows what went wrong in a worker.
  TwoViewBatch next();

 private:
  void work();
  void stop();
  TwoViewBatch make(std::int64_t batch) const;

  const ImageSet& set_;
  const Options& options_;
  std::uint64_t seed_;
  std::int64_t epoch_, batch_count_;
  std::int64_t share_, first_;  ///< images of each batch that are delivered, and where in the batch they start
  std::vector<std::int64_t> order_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::map<std::int64_t, TwoViewBatch> finished_;
  std::exception_ptr error_;
  std::int64_t claimed_ = 0, delivered_ = 0, capacity_;
  bool stop_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace lcr
