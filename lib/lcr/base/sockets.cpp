#include "lcr/base/sockets.h"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lcr/base/error.h"

namespace lcr {
namespace {

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// The own end of a connectionless socket to `target`, as text; empty if there is no way to it.
std::string own_end(const addrinfo& target) {
  const int socket = ::socket(target.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return "";
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  char text[NI_MAXHOST];
  const bool found = ::connect(socket, target.ai_addr, target.ai_addrlen) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &length) == 0 &&
                     ::getnameinfo(reinterpret_cast<sockaddr*>(&name), length, text, sizeof text,
                                   nullptr, 0, NI_NUMERICHOST) == 0;
  ::close(socket);
  return found ? text : "";
}

}  // namespace

std::string address_towards(const std::string& host, int port, const char* variable) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
      error != 0)
    fail("{} = '{}': {}", variable, host, ::gai_strerror(error));
  std::string own;
  for (const addrinfo* target = found; target && own.empty(); target = target->ai_next)
    own = own_end(*target);
  ::freeaddrinfo(found);
  if (own.empty()) fail("{} = '{}': this machine has no way to it", variable, host);
  return own;
}

bool port_is_taken(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = ::htons(static_cast<std::uint16_t>(port));
  const bool taken = (::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
                      ::listen(socket, 1) != 0) &&
                     errno == EADDRINUSE;
  ::close(socket);
  return taken;
}

ReservedPort::ReservedPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (socket_ < 0) throw_errno("socket");
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    const int error = errno;
    ::close(socket_);
    throw std::system_error(error, std::generic_category(), "no free port");
  }
  number_ = ::ntohs(address.sin_port);
}

ReservedPort::~ReservedPort() { ::close(socket_); }

}  // namespace lcr
