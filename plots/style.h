// The look of the pages that lcr-plot writes.
#pragma once

#include <string>

namespace lcr {

/// A page from its start to `<body>`, in the reader's choice of light or dark, with the styles of
/// charts and claims. It needs no network and no JavaScript.
std::string page_head(const std::string& title);

}  // namespace lcr
