#include "daemon/borrowed_address.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

// rtnetlink (rtnetlink(7)): a request is a header, the kind's own structure, and attributes, all padded to four octets.
namespace postern::daemon {
namespace {

struct Request {
  nlmsghdr header{};
  ifaddrmsg message{};
  std::array<char, 128> attributes{};
};

void add_attribute(Request& request, std::uint16_t type, const void* data, std::size_t size) {
  rtattr attribute{};
  attribute.rta_type = type;
  attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
  char* at = reinterpret_cast<char*>(&request) + NLMSG_ALIGN(request.header.nlmsg_len);
  std::memcpy(at, &attribute, sizeof(attribute));
  std::memcpy(at + RTA_LENGTH(0), data, size);
  request.header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_ALIGN(request.header.nlmsg_len) +
                                                        RTA_ALIGN(RTA_LENGTH(size)));
}

Request request_for(const mail::IpAddress& address, std::uint16_t type, int flags) {
  Request request;
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifaddrmsg));
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  request.message.ifa_family = address.is_v6() ? AF_INET6 : AF_INET;
  request.message.ifa_prefixlen = address.is_v6() ? 128 : 32;
  // Of this machine only: no program that connects elsewhere is given it as its source.
  if (address.is_v4()) request.message.ifa_scope = RT_SCOPE_HOST;
  request.message.ifa_flags = IFA_F_NODAD;
  request.message.ifa_index = ::if_nametoindex("lo");
  const auto add = [&](const auto& bytes) {
    add_attribute(request, IFA_LOCAL, bytes.data(), bytes.size());
    add_attribute(request, IFA_ADDRESS, bytes.data(), bytes.size());
  };
  if (address.is_v6()) {
    add(address.to_v6().to_bytes());
  } else {
    add(address.to_v4().to_bytes());
  }
  return request;
}

/// 0, or the kernel's errno.
int ask(const net::Fd& netlink, const Request& request) {
  struct {
    nlmsghdr header;
    nlmsgerr error;
    std::array<char, sizeof(Request)> request;  // the kernel sends it back
  } answer{};
  if (::send(netlink.get(), &request, request.header.nlmsg_len, 0) < 0) return errno;
  const ssize_t size = ::recv(netlink.get(), &answer, sizeof(answer), 0);
  if (size < 0) return errno;
  const bool is_whole = static_cast<std::size_t>(size) >= NLMSG_LENGTH(sizeof(nlmsgerr)) &&
                        answer.header.nlmsg_type == NLMSG_ERROR;
  return is_whole ? -answer.error.error : EBADMSG;
}

}  // namespace

std::optional<BorrowedAddress> BorrowedAddress::borrow(const mail::IpAddress& address,
                                                       std::chrono::seconds lifetime,
                                                       std::string& why) {
  net::Fd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  Request request = request_for(address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  ifa_cacheinfo life{};  // preferred for no time: no other program's connections come from it
  life.ifa_valid = static_cast<std::uint32_t>(lifetime.count());
  add_attribute(request, IFA_CACHEINFO, &life, sizeof(life));
  const int error = netlink ? ask(netlink, request) : errno;
  if (error == 0) return BorrowedAddress(std::move(netlink), address);
  why = address.to_string() + " cannot be put on the loopback interface: " + std::strerror(error) +
        (error == EPERM ? " (that needs root, or CAP_NET_ADMIN)" : "");
  return std::nullopt;
}

BorrowedAddress::BorrowedAddress(net::Fd netlink, mail::IpAddress address)
    : netlink_(std::move(netlink)), address_(std::move(address)) {}

BorrowedAddress::~BorrowedAddress() {
  // A failure is the kernel's business: it takes the address away at the end of its lifetime.
  if (netlink_) (void)ask(netlink_, request_for(address_, RTM_DELADDR, 0));
}

}  // namespace postern::daemon
