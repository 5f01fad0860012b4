#include "lcr/evaluate/retrieval.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "lcr/base/error.h"
#include "lcr/evaluate/shared_rows.h"
#include "lcr/model/intra_op_threads.h"

namespace lcr {
namespace {

/// Scores of one query's ranked list.
struct QueryResult {
  std::int64_t first_hit = 0;  ///< rank, from 1, of the first image of its class; 0: none
  double average_precision = 0;
};

/// For the CPU. Does not sort the whole list: sorts only the few images of the query's class, and
/// counts the other images between them. similarity: of the query to all images; relevant: the
/// images of the query's class, ascending; self: the query's own index, which is left out.
QueryResult rank_query(const float* similarity, std::int64_t count,
                       const std::vector<std::int64_t>& relevant, std::int64_t self) {
  std::vector<std::int64_t> hits;
  for (const auto i : relevant)
    if (i != self) hits.push_back(i);
  if (hits.empty()) return {};
  const auto before = [&](std::int64_t a, std::int64_t b) {
    return similarity[a] != similarity[b] ? similarity[a] > similarity[b] : a < b;
  };
  std::sort(hits.begin(), hits.end(), before);
  // The hits' similarities, padded to one less than a power of two for a branch-free search over
  // many images at once.
  std::size_t slots = 1;
  while (slots <= hits.size()) slots *= 2;
  std::vector<float> values(slots - 1, -std::numeric_limits<float>::infinity());
  for (std::size_t h = 0; h < hits.size(); ++h) values[h] = similarity[hits[h]];
  const float lowest = values[hits.size() - 1];
  // passed[h]: images ranked after hit h - 1 and before hit h.
  std::vector<std::int64_t> passed(slots);
  const auto count_one = [&](std::int64_t j, std::size_t place) {
    const float value = similarity[j];
    while (place < hits.size() && values[place] == value && hits[place] < j)
      ++place;  // ties go to the lower index
    if (j == self || (place < hits.size() && hits[place] == j)) return;  // itself, or a hit
    ++passed[place];
  };
  constexpr std::int64_t kBlock = 16;
  for (std::int64_t first = 0; first < count; first += kBlock) {
    const std::int64_t here = std::min(kBlock, count - first);
    float block[kBlock];
    std::fill(std::copy_n(similarity + first, here, block), block + kBlock,
              -std::numeric_limits<float>::infinity());
    float highest = block[0];
    for (const float value : block) highest = std::max(highest, value);
    if (highest < lowest) continue;  // with good features, most images rank after the last hit
    std::uint32_t place[kBlock] = {};
    for (std::size_t half = slots / 2; half > 0; half /= 2)
      for (std::int64_t i = 0; i < kBlock; ++i)
        place[i] += values[place[i] + half - 1] > block[i] ? static_cast<std::uint32_t>(half) : 0U;
    for (std::int64_t i = 0; i < here; ++i) {
      if (first + i == self || (place[i] < hits.size() && values[place[i]] == block[i]))
        count_one(first + i, place[i]);
      else
        ++passed[place[i]];
    }
  }
  QueryResult result;
  std::int64_t others = 0;
  for (std::size_t h = 0; h < hits.size(); ++h) {
    others += passed[h];
    const std::int64_t rank = static_cast<std::int64_t>(h) + 1 + others;
    if (h == 0) result.first_hit = rank;
    result.average_precision += static_cast<double>(h + 1) / static_cast<double>(rank);
  }
  result.average_precision /= static_cast<double>(hits.size());
  return result;
}

/// For other devices. Sorts whole lists, in tensors. first: the index of the first query.
std::vector<QueryResult> rank_queries_sorted(torch::Tensor similarity, const torch::Tensor& labels,
                                             std::int64_t first) {
  // Moves each query itself to the end of its list, where it is cut off.
  similarity.diagonal(first).fill_(-std::numeric_limits<double>::infinity());
  const std::int64_t count = similarity.size(1) - 1;
  const torch::Tensor order =
      std::get<1>(similarity.sort(/*stable=*/true, /*dim=*/1, /*descending=*/true))
          .narrow(1, 0, count);
  const torch::Tensor hit = labels.index_select(0, order.flatten())
                                .view_as(order)
                                .eq(labels.narrow(0, first, order.size(0)).unsqueeze(1))
                                .to(torch::kDouble);
  // Hits are counted as integers: LibTorch 2.0 and some after it refuse the cumulative sum of
  // doubles on CUDA under --deterministic.
  const torch::Tensor precision = hit.to(torch::kLong).cumsum(1).to(torch::kDouble) /
                                  torch::arange(1, count + 1, hit.options());
  const torch::Tensor average = ((precision * hit).sum(1) / hit.sum(1).clamp_min(1)).cpu();
  const torch::Tensor any = hit.amax(1).cpu();
  const torch::Tensor nearest = hit.argmax(1).cpu();
  std::vector<QueryResult> results(static_cast<std::size_t>(hit.size(0)));
  for (std::int64_t q = 0; q < hit.size(0); ++q)
    if (any[q].item<double>() > 0)
      results[static_cast<std::size_t>(q)] = {nearest[q].item<std::int64_t>() + 1,
                                              average[q].item<double>()};
  return results;
}

/// The results of all ranks' queries.
std::vector<QueryResult> gather(const std::vector<QueryResult>& own, std::int64_t count,
                                std::int64_t chunk, const ProcessGroup& ranks,
                                const torch::Device& device) {
  if (ranks.size() == 1) return own;
  torch::Tensor rows = torch::empty({static_cast<std::int64_t>(own.size()), 2}, torch::kDouble);
  auto* out = rows.data_ptr<double>();
  for (const auto& result : own) {
    *out++ = static_cast<double>(result.first_hit);
    *out++ = result.average_precision;
  }
  const torch::Tensor all =
      gather_rows(rows.to(device), count, chunk, ranks).to(torch::kCPU).contiguous();
  std::vector<QueryResult> results;
  for (const auto* row = all.data_ptr<double>(); results.size() < static_cast<std::size_t>(count);
       row += 2)
    results.push_back({static_cast<std::int64_t>(row[0]), row[1]});
  return results;
}

}  // namespace

RetrievalScores leave_one_out_retrieval(const torch::Tensor& features, const torch::Tensor& labels,
                                        std::int64_t chunk, const ProcessGroup& ranks) {
  const torch::NoGradGuard no_grad;
  const std::int64_t count = features.size(0);
  if (count < 2) fail("retrieval: {} images; it needs at least 2", count);
  if (!torch::isfinite(features).all().item<bool>())
    fail("retrieval: some features are NaN or infinite");
  check_internal(labels.size(0) == count, "retrieval needs one label per feature");
  const torch::Tensor classes = labels.cpu().contiguous();
  const auto* class_of = classes.data_ptr<std::int64_t>();
  std::unordered_map<std::int64_t, std::vector<std::int64_t>> members;
  for (std::int64_t i = 0; i < count; ++i) members[class_of[i]].push_back(i);
  const Share mine = share_of(ranks.rank(), ranks.size(), count, chunk);
  std::vector<QueryResult> results;
  results.reserve(static_cast<std::size_t>(mine.count()));
  const torch::Tensor transposed = features.t();
  for (std::int64_t start = mine.first; start < mine.last; start += chunk) {
    const std::int64_t here = std::min(chunk, mine.last - start);
    const torch::Tensor similarity = features.narrow(0, start, here).mm(transposed);
    if (!features.is_cpu()) {
      const auto ranked = rank_queries_sorted(similarity, labels, start);
      results.insert(results.end(), ranked.begin(), ranked.end());
      continue;
    }
    const std::size_t before = results.size();
    results.resize(before + static_cast<std::size_t>(here));
    const torch::Tensor values = similarity.to(torch::kFloat32).contiguous();
    at::parallel_for(0, here, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t q = begin; q < end; ++q)
        results[before + static_cast<std::size_t>(q)] =
            rank_query(values.data_ptr<float>() + q * count, count, members.at(class_of[start + q]),
                       start + q);
    });
  }
  RetrievalScores scores;
  scores.rank.resize(kMaxRank);
  for (const auto& result : gather(results, count, chunk, ranks, features.device())) {
    if (result.first_hit == 0)
      ++scores.without_match;
    else if (result.first_hit <= kMaxRank)
      ++scores.rank[static_cast<std::size_t>(result.first_hit - 1)];
    scores.mean_average_precision += result.average_precision;
  }
  for (std::size_t k = 1; k < scores.rank.size(); ++k) scores.rank[k] += scores.rank[k - 1];
  const double percent = 100.0 / static_cast<double>(count);
  for (auto& share : scores.rank) share *= percent;
  scores.mean_average_precision *= percent;
  scores.rank1 = scores.rank[0];
  scores.rank5 = scores.rank[4];
  return scores;
}

}  // namespace lcr
