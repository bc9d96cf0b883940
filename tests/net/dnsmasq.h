// A private dnsmasq on a loopback port, for tests that ask real DNS questions.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "net/fd.h"

namespace postern::net {

class Dnsmasq {
 public:
  explicit Dnsmasq(const std::vector<std::string>& options) {
    // A port that was free a moment ago may be somebody's by now: then another one.
    for (int i = 0; i < max_starts; ++i) {
      start(options);
      if (answers()) return;
      end();
    }
    ADD_FAILURE() << "dnsmasq does not answer: is the package dnsmasq-base installed?";
  }
  Dnsmasq(const Dnsmasq&) = delete;
  Dnsmasq& operator=(const Dnsmasq&) = delete;
  ~Dnsmasq() { end(); }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  static constexpr int max_starts = 10;

  void start(std::vector<std::string> options) {
    port_ = free_port();
    options.insert(options.begin(),
                   {"/usr/sbin/dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv",
                    "--no-hosts", "--bind-interfaces", "--listen-address=127.0.0.1",
                    "--user=", "--port=" + std::to_string(port_), "--log-facility=/dev/null",
                    "--local-ttl=60"});
    std::vector<char*> arguments;
    for (std::string& option : options) arguments.push_back(option.data());
    arguments.push_back(nullptr);
    child_ = ::fork();
    if (child_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  void end() {
    if (child_ < 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }
  static Fd udp_socket(std::uint16_t port, sockaddr_in& address) {
    Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd;
  }
  static std::uint16_t free_port() {
    sockaddr_in address{};
    const Fd fd = udp_socket(0, address);
    socklen_t size = sizeof(address);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return 0;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }
  // Asks until there is an answer, for some seconds at most. A closed port says so at once. False: it has ended, or is mute.
  bool answers() {
    const std::string question(
        "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01", 17);
    for (int i = 0; i < 500; ++i) {
      if (::waitpid(child_, nullptr, WNOHANG) == child_) {
        child_ = -1;
        return false;
      }
      sockaddr_in address{};
      const Fd fd = udp_socket(port_, address);
      if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        continue;
      static_cast<void>(::send(fd.get(), question.data(), question.size(), 0));
      pollfd ready{fd.get(), POLLIN, 0};
      ::poll(&ready, 1, 10);
      char answer[512];
      if (::recv(fd.get(), answer, sizeof(answer), MSG_DONTWAIT) > 0) return true;
      ::poll(nullptr, 0, 10);
    }
    return false;
  }

  std::uint16_t port_ = 0;
  pid_t child_ = -1;
};

}  // namespace postern::net
