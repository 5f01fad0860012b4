// What a method is, without LibTorch: its name, its kind, its options, how it is judged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lcr/config/component.h"
#include "lcr/method/lcr_options.h"

namespace lcr {

enum class MethodKind {
  kControl,     ///< trains nothing
  kSupervised,  ///< learns from labels; source of a stand-in's weights
  kHost,        ///< self-supervised; LCR can be added to it
  kBaseline,    ///< self-supervised, without LCR
  kLcr,         ///< LCR on a host
};

struct MethodSpec {
  std::string name;
  MethodKind kind;
  /// The pooling that it is judged by: "attention" for LCR (Weight Average Pooling), "average" for
  /// most other networks, "none" without a network.
  std::string judged_by = "average";
  bool has_network = true;
  bool has_head = true;  ///< its encoder has a projection head; if not, the method has its own
  std::vector<OptionGroup> options = {};
  /// Checks constraints between its options. Throws UserError.
  void (*check)(const Options&) = nullptr;
  /// Of a host: the switches of LCR on it in the authors' code, where they published one.
  std::optional<LcrSwitches> authors_switches = {};
  std::string host = {};  ///< of LCR: the method that it is added to

  template <class T>
  bool uses() const {
    return has_group(options, typeid(T));
  }
  bool trains() const { return kind != MethodKind::kControl; }
  /// Learns from pairs of views.
  bool is_self_supervised() const {
    return kind == MethodKind::kHost || kind == MethodKind::kBaseline || kind == MethodKind::kLcr;
  }
};

/// --method.
struct MethodOptions {
  std::string method = "lcr";
};

std::vector<OptionSpec> method_options();

/// All methods: those of specs.cpp, LCR on each host, and registered ones.
const std::vector<MethodSpec>& methods();

/// The method of that name. Throws UserError naming those there are.
const MethodSpec& find_method(const std::string& name);

/// The method that the options choose.
const MethodSpec& method_of(const Options& options);

/// Adds a method that is not part of this library, before main() starts. LCR on it, if it is a
/// host, is added too.
struct RegisteredMethod {
  explicit RegisteredMethod(MethodSpec spec);
};

}  // namespace lcr
