#include "net/dns.h"

#include <ares.h>
#include <netdb.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <map>
#include <stdexcept>

#include "net/log.h"

namespace postern::net {
namespace {

constexpr int tries = 3;
// What fits one packet everywhere; a longer answer comes by TCP (RFC 9715).
constexpr int udp_size = 1232;
constexpr int class_in = 1;
constexpr std::chrono::seconds hosts_file_ttl{10};

using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

// One of the sockets of c-ares. Watched, but never closed, by us.
struct Watch {
  explicit Watch(Executor executor, int fd) : descriptor(executor, fd) {}

  Descriptor descriptor;
  bool is_open = true;
  bool wants_read = false;
  bool wants_write = false;
  bool is_reading = false;  // a wait for it is under way
  bool is_writing = false;
};

// A question under way, or its answer.
struct Lookup {
  explicit Lookup(Executor executor) : answered(executor, dns_limit) {}

  Timer answered;  // cancelled at the answer; expires where there was none in time
  bool is_done = false;
  DnsStatus status = DnsStatus::temporary_failure;
  DnsRecords records;
  Clock::time_point kept_until;
};
using LookupPtr = std::shared_ptr<Lookup>;

// NXDOMAIN and "no such record" are answers; everything else is none.
DnsStatus status_of(int ares_status) {
  switch (ares_status) {
    case ARES_SUCCESS:
      return DnsStatus::found;
    case ARES_ENOTFOUND:
      return DnsStatus::no_such_domain;
    case ARES_ENODATA:
      return DnsStatus::no_data;
    default:
      return DnsStatus::temporary_failure;
  }
}

std::chrono::seconds time_to_keep(const Lookup& lookup) {
  switch (lookup.status) {
    case DnsStatus::found:
      return std::min(lookup.records.ttl, max_dns_ttl);
    case DnsStatus::temporary_failure:
      return dns_failure_ttl;
    default:
      return dns_negative_ttl;
  }
}

void finish(Lookup& lookup) {
  lookup.is_done = true;
  lookup.kept_until = Clock::now() + time_to_keep(lookup);
  lookup.answered.cancel();
}

void take_answer(Lookup& lookup, int status, std::string_view message, DnsType type) {
  lookup.status = status_of(status);
  if (lookup.status != DnsStatus::found) return;
  Result<DnsRecords> records = decode_dns_answer(message, type);
  if (!records) {
    lookup.status = DnsStatus::temporary_failure;
    return;
  }
  lookup.records = std::move(*records);
  const bool is_empty = lookup.records.mx.empty() && lookup.records.addresses.empty();
  if (is_empty) lookup.status = DnsStatus::no_data;  // a CNAME that leads to nothing of this type
}

// Called by c-ares exactly once for each question, at the latest when its channel is destroyed.
struct Pending {
  LookupPtr lookup;
  DnsType type;

  static void on_answer(void* self, int status, int /*timeouts*/, unsigned char* message,
                        int size) {
    const std::unique_ptr<Pending> pending(static_cast<Pending*>(self));
    try {
      const auto* bytes = reinterpret_cast<const char*>(message);
      const std::size_t count = message ? static_cast<std::size_t>(size) : 0;
      take_answer(*pending->lookup, status, std::string_view(bytes, count), pending->type);
    } catch (const std::exception& error) {
      pending->lookup->status = DnsStatus::temporary_failure;
      log_bug(error.what());
    }
    finish(*pending->lookup);
  }
};

Task<> wait_for(LookupPtr lookup) {
  // No loop: whichever way the timer ends, by answer or by time, there will be no more to wait for.
  if (lookup->is_done) co_return;
  co_await lookup->answered.async_wait(as_result);
  // Whoever was cancelled must not go on with "no answer".
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

}  // namespace

struct Resolver::State : std::enable_shared_from_this<State> {
  explicit State(Executor e) : executor(e), timer(e) {}
  ~State() { close(); }

  void open(const std::vector<std::string>& servers, std::chrono::milliseconds repetition) {
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_EDNS;
    options.timeout = static_cast<int>(repetition.count());
    options.tries = tries;
    options.ednspsz = udp_size;
    options.sock_state_cb = &State::on_socket_state;
    options.sock_state_cb_data = this;
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                     ARES_OPT_SOCK_STATE_CB;
    check(ares_library_init(ARES_LIB_INIT_ALL));
    check(ares_init_options(&channel, &options, mask));
    if (servers.empty()) return;
    std::string list;
    for (const std::string& server : servers) list += (list.empty() ? "" : ",") + server;
    check(ares_set_servers_ports_csv(channel, list.c_str()));
  }

  static void check(int status) {
    if (status != ARES_SUCCESS) {
      throw std::runtime_error(std::string("DNS resolvers: ") + ares_strerror(status));
    }
  }

  // After it no handler of ours touches c-ares again.
  void close() {
    if (!channel) return;
    timer.cancel();
    ares_destroy(std::exchange(channel, nullptr));  // answers all that is under way
    ares_library_cleanup();
  }

  // ── the questions and their answers ──

  LookupPtr ask(DnsType type, const std::string& name) {
    const auto key = std::pair(static_cast<int>(type), name);
    auto known = lookups.find(key);
    if (known != lookups.end() && is_fresh(*known->second)) return known->second;
    make_room();
    auto lookup = std::make_shared<Lookup>(executor);
    lookups[key] = lookup;
    if (!channel) {
      finish(*lookup);
      return lookup;
    }
    auto pending = std::make_unique<Pending>(Pending{lookup, type});
    ares_query(channel, name.c_str(), class_in, static_cast<int>(type), &Pending::on_answer,
               pending.release());
    arm_timer();
    return lookup;
  }

  static bool is_fresh(const Lookup& lookup) {
    return !lookup.is_done || Clock::now() < lookup.kept_until;
  }

  // What is under way stays, and is bounded by those who wait for it.
  void make_room() {
    if (lookups.size() < max_dns_cached) return;
    std::erase_if(lookups, [](const auto& entry) { return !is_fresh(*entry.second); });
    if (lookups.size() < max_dns_cached) return;
    std::erase_if(lookups, [](const auto& entry) { return entry.second->is_done; });
  }

  // Asked of c-ares, which reads the file anew each time: so its answer is kept for a while, too.
  LookupPtr ask_hosts_file(const std::string& host) {
    const auto key = std::pair(0, host);
    auto known = lookups.find(key);
    if (known != lookups.end() && is_fresh(*known->second)) return known->second;
    make_room();
    auto lookup = std::make_shared<Lookup>(executor);
    lookups[key] = lookup;
    for (int family : {AF_INET6, AF_INET}) take_from_hosts_file(host, family, *lookup);
    lookup->status = lookup->records.addresses.empty() ? DnsStatus::no_data : DnsStatus::found;
    lookup->records.ttl = hosts_file_ttl;
    finish(*lookup);
    return lookup;
  }

  void take_from_hosts_file(const std::string& host, int family, Lookup& lookup) {
    hostent* entry = nullptr;
    if (!channel) return;
    if (ares_gethostbyname_file(channel, host.c_str(), family, &entry) != ARES_SUCCESS) return;
    const std::unique_ptr<hostent, void (*)(hostent*)> owner(entry, ares_free_hostent);
    for (char** at = entry->h_addr_list; *at; ++at) {
      if (lookup.records.addresses.size() >= max_dns_records) return;
      char text[INET6_ADDRSTRLEN];
      if (!ares_inet_ntop(family, *at, text, sizeof(text))) continue;
      lookup.records.addresses.push_back(mail::normalised(asio::ip::make_address(text)));
    }
  }

  // ── c-ares on the loop ──

  static void on_socket_state(void* self, ares_socket_t fd, int readable, int writable) {
    try {
      static_cast<State*>(self)->watch(fd, readable != 0, writable != 0);
    } catch (const std::exception& error) {
      log_bug(error.what());  // the questions on that socket end by their time limit
    }
  }

  void watch(int fd, bool readable, bool writable) {
    auto known = watches.find(fd);
    if (!readable && !writable) {
      if (known == watches.end()) return;
      known->second->is_open = false;
      known->second->descriptor.release();  // c-ares closes it
      watches.erase(known);
      return;
    }
    if (known == watches.end()) {
      known = watches.emplace(fd, std::make_shared<Watch>(executor, fd)).first;
    }
    known->second->wants_read = readable;
    known->second->wants_write = writable;
    if (channel) arm(fd, known->second);
  }

  void arm(int fd, const std::shared_ptr<Watch>& watch) {
    if (watch->wants_read && !watch->is_reading) {
      watch->is_reading = true;
      watch->descriptor.async_wait(Descriptor::wait_read,
                                   [self = shared_from_this(), watch, fd](error_code error) {
                                     watch->is_reading = false;
                                     self->process(fd, ARES_SOCKET_BAD, watch, error);
                                   });
    }
    if (watch->wants_write && !watch->is_writing) {
      watch->is_writing = true;
      watch->descriptor.async_wait(Descriptor::wait_write,
                                   [self = shared_from_this(), watch, fd](error_code error) {
                                     watch->is_writing = false;
                                     self->process(ARES_SOCKET_BAD, fd, watch, error);
                                   });
    }
  }

  // The handler may come when c-ares has closed the socket meanwhile, and even opened another under the same number.
  void process(int readable, int writable, const std::shared_ptr<Watch>& watch, error_code error) {
    if (!channel || !watch->is_open || error) return;
    ares_process_fd(channel, readable, writable);
    if (watch->is_open) arm(readable == ARES_SOCKET_BAD ? writable : readable, watch);
    arm_timer();
  }

  void arm_timer() {
    timeval left{};
    if (!ares_timeout(channel, nullptr, &left)) {
      timer.cancel();
      return;
    }
    timer.expires_after(std::chrono::seconds(left.tv_sec) +
                        std::chrono::microseconds(left.tv_usec) + std::chrono::milliseconds(1));
    timer.async_wait([self = shared_from_this()](error_code error) {
      if (error || !self->channel) return;
      ares_process_fd(self->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      self->arm_timer();
    });
  }

  Executor executor;
  Timer timer;
  ares_channel channel = nullptr;
  std::map<int, std::shared_ptr<Watch>> watches;
  std::map<std::pair<int, std::string>, LookupPtr> lookups;  // by type (0: the hosts file) and name
};

Resolver::Resolver(Executor executor, const std::vector<std::string>& servers,
                   std::chrono::milliseconds repetition)
    : state_(std::make_shared<State>(executor)) {
  state_->open(servers, repetition);
}

Resolver::~Resolver() { state_->close(); }

Task<DnsAnswer<MxRecord>> Resolver::mx(std::string domain) {
  LookupPtr lookup = state_->ask(DnsType::mx, domain);
  co_await wait_for(lookup);
  co_return DnsAnswer<MxRecord>{lookup->status, lookup->records.mx};
}

namespace {

// IPv6 first, as most systems prefer it (RFC 6724). The least certain of two "no" is the answer.
DnsAnswer<mail::IpAddress> merge(const Lookup& v6, const Lookup& v4) {
  DnsAnswer<mail::IpAddress> answer;
  answer.records = v6.records.addresses;
  const auto& more = v4.records.addresses;
  answer.records.insert(answer.records.end(), more.begin(), more.end());
  if (!answer.records.empty()) {
    answer.status = DnsStatus::found;
  } else if (v6.status == DnsStatus::temporary_failure ||
             v4.status == DnsStatus::temporary_failure) {
    answer.status = DnsStatus::temporary_failure;
  } else if (v6.status == v4.status) {
    answer.status = v6.status;
  } else {
    answer.status = DnsStatus::no_data;
  }
  return answer;
}

}  // namespace

Task<std::vector<DnsAnswer<mail::IpAddress>>> Resolver::addresses(std::vector<std::string> hosts) {
  std::vector<std::pair<LookupPtr, LookupPtr>> asked;
  for (const std::string& host : hosts) {
    LookupPtr v6 = state_->ask(DnsType::aaaa, host);
    LookupPtr v4 = state_->ask(DnsType::a, host);
    asked.emplace_back(std::move(v6), std::move(v4));
  }
  std::vector<DnsAnswer<mail::IpAddress>> answers;
  for (const auto& [v6, v4] : asked) {
    co_await wait_for(v6);
    co_await wait_for(v4);
    answers.push_back(merge(*v6, *v4));
  }
  co_return answers;
}

Task<DnsAnswer<mail::IpAddress>> Resolver::configured_addresses(std::string host) {
  LookupPtr in_file = state_->ask_hosts_file(host);
  if (in_file->status == DnsStatus::found) {
    co_return DnsAnswer<mail::IpAddress>{DnsStatus::found, in_file->records.addresses};
  }
  if (host == "localhost" || host.ends_with(".localhost")) {
    std::vector<mail::IpAddress> loopback{asio::ip::address_v4::loopback(),
                                          asio::ip::address_v6::loopback()};
    co_return DnsAnswer<mail::IpAddress>{DnsStatus::found, std::move(loopback)};
  }
  std::vector<std::string> hosts;
  hosts.push_back(std::move(host));
  std::vector<DnsAnswer<mail::IpAddress>> answers = co_await addresses(std::move(hosts));
  co_return std::move(answers.front());
}

}  // namespace postern::net
