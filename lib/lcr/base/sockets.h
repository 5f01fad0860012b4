// Addresses and ports of this machine.
#pragma once

#include <string>

namespace lcr {

/// The address of this machine as the machine `host` sees it: the one that packets to it leave from
/// (none is sent). Not what this machine's own name resolves to, which on Debian is 127.0.1.1.
/// Throws UserError if `host` cannot be resolved or reached, naming `variable`, which has it.
std::string address_towards(const std::string& host, int port, const char* variable);

/// Whether a program of this machine listens on the port, on any address.
bool port_is_taken(int port);

/// A free port of the loopback address, which no other program gets while the object lives, but
/// which a server of ours can listen on: bound with SO_REUSEADDR, and not listening.
class ReservedPort {
 public:
  ReservedPort();
  ~ReservedPort();
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;
  int number() const { return number_; }

 private:
  int socket_ = -1;
  int number_ = 0;
};

}  // namespace lcr
