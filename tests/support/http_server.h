// A small HTTP server on loopback that serves one file, correctly or with a fault.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lcr/base/text.h"

namespace lcr::testing {

class HttpServer {
 public:
  enum class Manner {
    kWell,         ///< with byte ranges
    kNoRanges,     ///< always the whole file, status 200
    kTruncates,    ///< states the length, closes after half of the requested bytes
    kShortLength,  ///< states half the length and sends that much
    kTooLong,      ///< sends twice the file
    kBusyTwice,    ///< status 503 for the first two requests
    kNotFound,
    kAbsurdLength,  ///< states 2^60 bytes, sends the file, closes
  };

  explicit HttpServer(std::string content, Manner manner = Manner::kWell)
      : content_(std::move(content)), manner_(manner) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~HttpServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const { return fmt::format("http://127.0.0.1:{}/file", port_); }
  void behave(Manner manner) { manner_ = manner; }
  int requests() const { return requests_; }
  std::int64_t bytes_sent() const { return sent_; }

 private:
  void serve() {
    for (;;) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      std::string request;
      char buffer[4096];
      for (ssize_t got; request.find("\r\n\r\n") == std::string::npos &&
                        (got = ::read(client, buffer, sizeof buffer)) > 0;)
        request.append(buffer, static_cast<std::size_t>(got));
      answer(client, request);
      ::close(client);
    }
  }
  void answer(int client, const std::string& request) {
    const int number = ++requests_;
    const Manner manner = manner_;
    std::size_t start = 0;
    if (const auto at = request.find("Range: bytes="); at != std::string::npos)
      start = static_cast<std::size_t>(std::stoull(request.substr(at + 13)));
    if (manner == Manner::kNotFound)
      return send(client,
                  "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    if (manner == Manner::kBusyTwice && number <= 2)
      return send(client, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    const bool ranges = start > 0 && manner != Manner::kNoRanges && manner != Manner::kTooLong;
    if (ranges && start >= content_.size())
      return send(
          client,
          "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    std::string body = content_.substr(ranges ? start : 0);
    std::size_t stated = body.size();
    if (manner == Manner::kTruncates) body.resize((body.size() + 1) / 2);
    if (manner == Manner::kShortLength) {
      body.resize((body.size() + 1) / 2);
      stated = body.size();
    }
    if (manner == Manner::kTooLong) {
      body += body;
      stated = body.size();
    }
    if (manner == Manner::kAbsurdLength) stated = std::size_t{1} << 60;
    std::string head =
        ranges ? fmt::format("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {}-{}/{}\r\n",
                             start, content_.size() - 1, content_.size())
               : "HTTP/1.1 200 OK\r\n";
    head += fmt::format("Content-Length: {}\r\nConnection: close\r\n\r\n", stated);
    sent_ += static_cast<std::int64_t>(body.size());
    send(client, head + body);
  }
  static void send(int client, const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t written = ::send(client, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (written <= 0) return;
      at += static_cast<std::size_t>(written);
    }
  }

  const std::string content_;
  std::atomic<Manner> manner_;
  std::atomic<int> requests_{0};
  std::atomic<std::int64_t> sent_{0};
  int listener_ = -1;
  unsigned port_ = 0;
  std::jthread thread_;
};

}  // namespace lcr::testing
