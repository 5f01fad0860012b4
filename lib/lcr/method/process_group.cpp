#include "lcr/method/process_group.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <torch/version.h>
#if TORCH_VERSION_MAJOR >= 2
#include <torch/csrc/distributed/c10d/Backend.hpp>
#endif
#ifdef LCR_WITH_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef LCR_WITH_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "lcr/base/error.h"
#include "lcr/base/sockets.h"

namespace lcr {
namespace {

// 2.x split the part of ProcessGroup that depends on the device off as Backend.
#if TORCH_VERSION_MAJOR >= 2
using Collectives = c10d::Backend;
#else
using Collectives = c10d::ProcessGroup;
#endif

std::atomic<bool> lost = false;

/// What c10d says, in one line: its messages carry a stack trace.
std::string one_line(const std::exception& error) {
  std::string what = error.what();
  what = what.substr(0, what.find("\nException raised from"));
  std::replace(what.begin(), what.end(), '\n', ' ');
  // "[../third_party/gloo/gloo/transport/tcp/pair.cc:598] Connection closed by peer ...": the place
  // in Gloo's sources helps nobody.
  if (const auto end = what.find("] "); what.starts_with("[") && end != std::string::npos)
    what = what.substr(end + 2);
  return what;
}

[[noreturn]] void throw_lost(const std::string& message) {
  lost = true;
  throw LostRank(message);
}

/// Runs `body`, a part of a collective; what c10d throws becomes LostRank.
template <class Body>
auto guarded(int rank, Body&& body) {
  try {
    return body();
  } catch (const std::exception& e) {
    throw_lost(
        fmt::format("rank {}: lost another rank ({}); the run resumes from its last "
                    "checkpoint when it is started again",
                    rank, one_line(e)));
  }
}

/// LibTorch 2.4 and later fail where they were built without libuv (Debian 13), unless told so.
template <typename StoreOptions>
void do_without_libuv(StoreOptions& options) {
  if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
}

/// Leaves the words about errors to us, unless the user asked for c10d's: 2.x logs them with stack
/// traces before it throws them.
void quieten_c10d() {
#if TORCH_VERSION_MAJOR >= 2
  constexpr int kFatalOnly = 3;
  if (!std::getenv("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = kFatalOnly;
#endif
}

c10::intrusive_ptr<c10d::Store> open_store(const RankVariables& place,
                                           std::chrono::milliseconds timeout) {
  quieten_c10d();
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(place.port);
  bool agent_serves = place.agent_serves;
#if TORCH_VERSION_MAJOR < 2
  // The store of a 2.x torchrun speaks another protocol than 1.13: ours is next to it.
  if (agent_serves) ++options.port;
  agent_serves = false;
#endif
  options.isServer = place.rank == 0 && !agent_serves;
  options.numWorkers = static_cast<std::size_t>(place.size);
  options.waitWorkers = !agent_serves;
  options.timeout = timeout;
  do_without_libuv(options);
  if (options.isServer && port_is_taken(options.port))  // c10d would say it in several lines
    fail("MASTER_PORT = {}: another program listens on port {}: choose a free one", place.port,
         options.port);
  return c10::make_intrusive<c10d::PrefixStore>(
      "lcr/" + place.attempt, c10::make_intrusive<c10d::TCPStore>(place.address, options));
}

c10::intrusive_ptr<Collectives> open_collectives(
    [[maybe_unused]] const RankVariables& place, [[maybe_unused]] const torch::Device& device,
    [[maybe_unused]] std::chrono::milliseconds timeout,
    [[maybe_unused]] const c10::intrusive_ptr<c10d::Store>& store,
    [[maybe_unused]] const std::string& own_address) {
#ifdef LCR_WITH_NCCL
  if (device.is_cuda()) {
    const auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = timeout;
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, place.rank, place.size, options);
  }
#endif
#ifdef LCR_WITH_GLOO
  using Gloo = c10d::ProcessGroupGloo;
  const auto options = Gloo::Options::create(timeout);
  const auto interface = read_environment("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface ? Gloo::createDeviceForInterface(*interface)
                                       : Gloo::createDeviceForHostname(own_address));
  options->threads = 2;
  return c10::make_intrusive<Gloo>(store, place.rank, place.size, options);
#else
  throw std::logic_error("no backend connects the ranks");
#endif
}

/// A contiguous tensor's memory. For messages that nobody adds up: Gloo does not know every type.
torch::Tensor bytes_of(const torch::Tensor& tensor) { return tensor.view({-1}).view(torch::kByte); }

}  // namespace

struct ProcessGroup::Connection {
  torch::Device device;  ///< where messages must lie: the GPU under NCCL
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<Collectives> collectives;

  ~Connection() {
    // Its destructor would wait for messages to and from the lost rank.
    if (lost) collectives.release();
  }
};

struct ProcessGroup::Pending::Work {
  int rank;
  c10::intrusive_ptr<c10d::Work> work;
};

void ProcessGroup::require_backend(int ranks, [[maybe_unused]] const torch::Device& device) {
  if (ranks == 1) return;
#ifndef LCR_WITH_NCCL
  if (device.is_cuda())
    fail(
        "ranks = {}: this build cannot connect ranks on CUDA devices, for want of NCCL's header "
        "(libnccl-dev): install it and build again, or use --ranks 1",
        ranks);
#endif
#ifndef LCR_WITH_GLOO
  if (!device.is_cuda())
    fail(
        "ranks = {}: this build cannot connect ranks, for want of Gloo's headers (libgloo-dev): "
        "install them and build again, or use --ranks 1",
        ranks);
#endif
}

ProcessGroup::ProcessGroup(const RankVariables& place, const torch::Device& device,
                           std::chrono::milliseconds timeout)
    : rank_(place.rank), size_(place.size) {
  if (size_ == 1) return;
  require_backend(size_, device);
  const std::string own_address = address_towards(place.address, place.port, "MASTER_ADDR");
  try {
    const auto store = open_store(place, timeout);
    const auto collectives = open_collectives(place, device, timeout, store, own_address);
    connection_ = std::make_shared<Connection>(Connection{device, store, collectives});
  } catch (const UserError&) {
    throw;
  } catch (const std::exception& e) {
    throw_lost(fmt::format("rank {}: not all {} ranks have started within {} s (rank-timeout): {}",
                           rank_, size_, timeout.count() / 1000, one_line(e)));
  }
}

torch::Tensor ProcessGroup::all_gather(const torch::Tensor& tensor) const {
  if (size_ == 1) return tensor;
  const torch::NoGradGuard no_grad;
  const torch::Tensor own = tensor.contiguous();
  auto shape = own.sizes().vec();
  shape.at(0) *= size_;
  const torch::Tensor all = torch::empty(shape, own.options().requires_grad(false));
  // Views: what arrives lies in `all`.
  std::vector<std::vector<torch::Tensor>> parts = {bytes_of(all).chunk(size_)};
  std::vector<torch::Tensor> input = {bytes_of(own)};
  guarded(rank_, [&] { return connection_->collectives->allgather(parts, input)->wait(); });
  return all;
}

void ProcessGroup::broadcast(torch::Tensor tensor) const {
  if (size_ == 1) return;
  const torch::NoGradGuard no_grad;
  // c10d sends memory as it lies: ranks may hold one tensor in different layouts.
  const torch::Tensor ordered = tensor.contiguous();
  std::vector<torch::Tensor> message = {bytes_of(ordered)};
  guarded(rank_, [&] { return connection_->collectives->broadcast(message)->wait(); });
  if (rank_ > 0 && !ordered.is_same(tensor)) tensor.copy_(ordered);
}

std::vector<std::int64_t> ProcessGroup::broadcast(const std::vector<std::int64_t>& numbers) const {
  if (size_ == 1 || numbers.empty()) return numbers;
  const torch::Tensor message = torch::tensor(numbers, torch::kLong).to(connection_->device);
  broadcast(message);
  const torch::Tensor received = message.to(torch::kCPU);
  const auto* first = received.data_ptr<std::int64_t>();
  return {first, first + received.numel()};
}

ProcessGroup::Pending ProcessGroup::start_sum(const torch::Tensor& tensor) const {
  Pending pending;
  if (size_ == 1) return pending;
  std::vector<torch::Tensor> message = {tensor};
  pending.work_ = std::make_shared<Pending::Work>(Pending::Work{
      rank_, guarded(rank_, [&] { return connection_->collectives->allreduce(message); })});
  return pending;
}

void ProcessGroup::Pending::wait() {
  if (work_) guarded(work_->rank, [&] { return work_->work->wait(); });
}

bool ProcessGroup::lost_a_rank() { return lost; }

}  // namespace lcr
