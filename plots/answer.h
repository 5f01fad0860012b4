// The first part of a report: what the measurements say about the paper's claims.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lcr/record/claims.h"

namespace lcr {

/// Up to three sentences: which claims hold, which fail, which are open, of those that were run.
std::string summarise(const std::vector<ClaimVerdict>& verdicts);

/// The sentences, and each claim with its verdict, its paired difference as a row of a forest plot
/// (with the difference of the values in `paper` as an open mark), n and p. An HTML fragment.
std::string answer_html(const std::vector<ClaimVerdict>& verdicts,
                        const std::filesystem::path& paper);

/// CSS for it, in addition to kChartStyle.
extern const char* const kAnswerStyle;

}  // namespace lcr
