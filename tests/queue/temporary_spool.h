// What the tests of the store share: a directory of their own, a loop, and a disk that forgets or fails when told.
#pragma once

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "mail/envelope.h"
#include "mail/relay_permit.h"
#include "queue/disk.h"
#include "queue/log_store.h"

namespace postern::queue {

/// A directory that is removed with what is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "postern-queue-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A disk that keeps count of what was synced, can fail at the n-th call, and can lose all that was not synced.
class FaultyDisk : public Disk {
 public:
  explicit FaultyDisk(std::filesystem::path path)
      : Disk(std::move(*Disk::open(path.string()))), path_(std::move(path)) {}

  net::Result<net::Fd> create(const std::string& name) override {
    if (auto fault = next_fault()) return *fault;
    auto file = Disk::create(name);
    const std::lock_guard lock(mutex_);
    if (file) names_[file->get()] = name, durable_[name].clear();
    return file;
  }
  net::Result<> write(int fd, std::span<const std::string_view> pieces,
                      std::uint64_t offset) override {
    ++writes;
    std::size_t size = 0;
    for (const auto piece : pieces) size += piece.size();
    largest_write = std::max(largest_write.load(), size);
    if (auto fault = next_fault()) {
      // A failing disk may well have written half of it.
      std::string half;
      for (const auto piece : pieces) half += piece;
      half.resize(half.size() / 2);
      (void)Disk::write(fd, std::array<std::string_view, 1>{half}, offset);
      return *fault;
    }
    return Disk::write(fd, pieces, offset);
  }
  net::Result<> sync(int fd) override {
    ++syncs;
    if (auto fault = next_fault()) return *fault;
    const std::lock_guard lock(mutex_);
    durable_[names_[fd]] = *read(fd, 0, *size_of(fd));
    return {};
  }
  net::Result<> write_names() override {
    if (auto fault = next_fault()) return *fault;
    const std::lock_guard lock(mutex_);
    for (const auto& [fd, name] : names_) durable_names_.insert(name);
    return {};
  }
  net::Result<> remove(const std::string& name) override {
    if (auto fault = next_fault()) return *fault;
    return Disk::remove(name);
  }

  net::Clock::time_point now() const override { return {}; }  // as quick as can be

  /// The calls that change the disk fail from the n-th on, `count` times.
  void fail_at(int n, int count, boost::system::errc::errc_t error) {
    calls_ = 0;
    first_fault_ = n;
    faults_ = count;
    error_ = error;
  }
  int calls() const { return calls_; }

  /// What POSIX leaves of the files written through this disk: those whose name was synced, as they were at their last
  /// sync, and of what was written since `torn` bytes.
  void cut_power(std::size_t torn) {
    for (const auto& [name, durable] : durable_) {
      if (!std::filesystem::exists(path_ / name)) continue;
      if (!durable_names_.contains(name)) {
        std::filesystem::remove(path_ / name);
        continue;
      }
      std::ifstream file(path_ / name, std::ios::binary);
      const std::string now{std::istreambuf_iterator<char>(file), {}};
      const std::string_view later(std::ranges::mismatch(durable, now).in2, now.end());
      std::string left = durable;
      left.replace(std::min(left.size(), now.size() - later.size()), std::min(later.size(), torn),
                   later.substr(0, torn));
      std::ofstream(path_ / name, std::ios::binary) << left;
    }
  }

  std::atomic<int> syncs = 0;
  std::atomic<int> writes = 0;
  std::atomic<std::size_t> largest_write = 0;

 private:
  std::optional<net::error_code> next_fault() {
    const int call = ++calls_;
    if (call < first_fault_ || call >= first_fault_ + faults_) return std::nullopt;
    return make_error_code(error_);
  }

  std::filesystem::path path_;
  std::mutex mutex_;
  std::map<int, std::string> names_;
  std::map<std::string, std::string> durable_;  // what is in the files
  std::set<std::string> durable_names_;
  std::atomic<int> calls_ = 0;
  std::atomic<int> first_fault_ = 0;
  std::atomic<int> faults_ = 0;
  boost::system::errc::errc_t error_ = boost::system::errc::io_error;
};

inline mail::Mailbox mailbox(std::string_view text) { return *mail::Mailbox::parse(text); }

inline mail::Envelope envelope(std::string_view from, const std::vector<std::string>& to) {
  const auto client = boost::asio::ip::make_address("127.0.0.1");
  const auto permit = mail::relay_permit(
      mail::AuthPolicy::optional, {*mail::Network::parse("127.0.0.0/8")}, client, std::nullopt);
  mail::ReversePath path;
  if (!from.empty()) path = mailbox(from);
  mail::Envelope envelope =
      mail::envelope_of(*permit, "client.example", "", path, mail::BodyType::seven_bit);
  for (const auto& recipient : to) envelope.recipients.push_back({mailbox(recipient)});
  return envelope;
}

/// Remembers what it is shown, and shows it to another, too.
struct Found : Store::Visitor {
  void on_message(mail::MessageId id, const MessageHead& head) override {
    heads.emplace(id, head);
    if (also != nullptr) also->on_message(id, head);
  }
  void on_update(const Update& update) override {
    updates.push_back(update);
    if (also != nullptr) also->on_update(update);
  }
  Store::Visitor* also = nullptr;
  std::map<mail::MessageId, MessageHead> heads;
  std::vector<Update> updates;
};

/// A store in a directory, with its loop.
class Spool {
 public:
  explicit Spool(const std::filesystem::path& path, std::uint64_t segment_size = 0,
                 Store::Visitor* also = nullptr) {
    found.also = also;
    auto disk_owner = std::make_unique<FaultyDisk>(path);
    disk = disk_owner.get();
    auto opened = LogStore::open(loop.get_executor(), std::move(disk_owner), segment_size);
    if (auto* failure = std::get_if<frames::CannotStart>(&opened)) {
      cannot_start = *failure;
      return;
    }
    store = std::move(std::get<std::unique_ptr<LogStore>>(opened));
    cannot_start = store->recover(found);
  }

  /// Accepts a message, and gives the answer into `answers` once the loop has run.
  void accept(std::uint64_t id, const std::string& content, mail::Envelope from_to,
              std::optional<Update> reports = std::nullopt) {
    auto draft = store->begin(mail::MessageId(id));
    for (std::size_t at = 0; at < content.size(); at += 65536) {
      const auto added = draft->add(content.substr(at, 65536));
      if (!added) {
        answers[id] = added.error();
        return;
      }
    }
    store->accept({mail::MessageId(id), std::move(from_to), std::chrono::system_clock::now(),
                   std::move(draft), std::move(reports)},
                  [this, id](net::Result<> result) {
                    answers[id] = result ? net::error_code() : result.error();
                  });
  }
  void accept(std::uint64_t id, const std::string& content) {
    accept(id, content, envelope("a@from.example", {"b@to.example"}));
  }

  /// Until nothing is under way.
  void run() {
    bool is_flushed = false;
    auto wait = [](LogStore& waited, bool& done) -> net::Task<> {
      co_await waited.flushed();
      done = true;
    };
    boost::asio::co_spawn(loop, wait(*store, is_flushed), boost::asio::detached);
    loop.restart();
    while (!is_flushed) loop.run_one();
    loop.poll();
  }

  std::string content_of(std::uint64_t id) {
    auto message = store->read(mail::MessageId(id));
    if (!message) return "unreadable: " + message.error().message();
    return front_of(*message, message->head.size);
  }
  bool is_committed(std::uint64_t id) { return answers.contains(id) && !answers[id]; }

  boost::asio::io_context loop{net::one_thread};
  FaultyDisk* disk = nullptr;
  std::unique_ptr<LogStore> store;
  std::optional<frames::CannotStart> cannot_start;
  Found found;
  std::map<std::uint64_t, net::error_code> answers;
};

inline Update delivered(std::uint64_t id, std::uint32_t recipient = 0) {
  Change change{
      recipient, RecipientState::delivered, 1, {}, {{250, {2, 0, 0}, "ok"}, "mx.example", {}}};
  return {mail::MessageId(id), {change}, false};
}

inline std::vector<std::string> files_in(const std::filesystem::path& path,
                                         const std::string& suffix) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(suffix)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace postern::queue
