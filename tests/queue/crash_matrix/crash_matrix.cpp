#include "crash_matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "captured_log.h"
#include "witnessed_spool.h"

namespace postern::queue {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kept_words = 8;
const mail::MessageId newcomer(UINT64_MAX / 2);

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(value, nullptr, 10));
}

/// A disk on which nothing is ever lost, so that nothing needs to be waited for.
class QuickDisk : public Disk {
 public:
  explicit QuickDisk(const fs::path& path) : Disk(std::move(*Disk::open(path.string()))) {}
  net::Result<> sync(int) override { return {}; }
  net::Result<> write_names() override { return {}; }
};

/// In memory where there is such a place.
fs::path somewhere() {
  const fs::path memory = "/dev/shm";
  std::string pattern = (::access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path()) /
                        "postern-crash-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  return pattern;
}

std::vector<std::string> values_of(const std::map<mail::MessageId, std::string>& map) {
  std::vector<std::string> values;
  for (const auto& [id, text] : map) values.push_back(text);
  return values;
}

// Takes one more message, as proof that the store works.
bool takes_mail(OpenedStore& opened) {
  auto draft = opened.store->begin(newcomer);
  if (!draft->add("Subject: one more\r\n\r\n")) return false;
  mail::Envelope envelope = mail::envelope_of_report(*mail::Mailbox::parse("new@to.example"));
  bool is_durable = false;
  opened.store->accept({newcomer, std::move(envelope), {}, std::move(draft), {}},
                       [&](net::Result<> result) { is_durable = result.has_value(); });
  opened.run();
  return is_durable;
}

// Starts a store in the directory, and once more; what is wrong, in words.
std::vector<std::string> look_at(const fs::path& directory, std::uint64_t segment_size,
                                 const Promises& promises, std::size_t crash, std::size_t damaged) {
  std::vector<std::string> broken;
  std::map<mail::MessageId, std::string> first;
  {
    OpenedStore opened(std::make_unique<QuickDisk>(directory), segment_size);
    if (opened.cannot_start) return {"it does not start: " + opened.cannot_start->reason};
    broken = promises.broken(crash, opened.shown, opened.contents(), damaged);
    first = opened.shown.waiting();
    opened.release_what_is_over();
    if (!takes_mail(opened)) broken.push_back("takes no mail after the start");
  }
  OpenedStore again(std::make_unique<QuickDisk>(directory), segment_size);
  if (again.cannot_start) return {"it does not start again: " + again.cannot_start->reason};
  auto second = again.shown.waiting();
  if (second.erase(newcomer) == 0) broken.emplace_back("loses what it takes after the start");
  if (first != second) {
    broken.push_back(fmt::format("shows something else at the second start: first {}, then {}",
                                 fmt::join(values_of(first), ", "),
                                 fmt::join(values_of(second), ", ")));
  }
  for (const auto& [id, content] : again.contents()) {
    if (!content && damaged == 0)
      broken.push_back(id.text() + " is unreadable at the second start");
  }
  return broken;
}

// The last operations before the crash, for whoever looks for the cause.
std::string end_of(const History& history, std::size_t at) {
  constexpr std::size_t shown = 40;
  std::string text;
  for (std::size_t i = at > shown ? at - shown : 0; i < at; ++i) {
    text += fmt::format("    {} {}\n", i, text_of(history[i]));
  }
  return text;
}

}  // namespace

std::unique_ptr<Disk> simulated_disk(const fs::path& path, std::shared_ptr<Recorder> recorder) {
  return std::make_unique<SimulatedDisk>(path, std::move(recorder));
}

Tally& Tally::operator+=(const Tally& other) {
  crashes += other.crashes;
  states += other.states;
  bad += other.bad;
  for (const auto& words : other.broken) {
    if (broken.size() < kept_words) broken.push_back(words);
  }
  return *this;
}

struct CrashMatrix::Workplace {
  fs::path played = somewhere();   // where a scenario plays
  fs::path crashed = somewhere();  // where it is looked at after a crash
  std::set<std::size_t> seen;      // states, by hash
  CapturedLog log;
  Random random;

  ~Workplace() {
    fs::remove_all(played);
    fs::remove_all(crashed);
  }
};

/// From where the power fails: what was there, and what is done and promised from then on.
struct CrashMatrix::Base {
  std::string_view name;
  std::uint64_t segment_size = 0;
  FileSystem before;
  const History& history;
  const Promises& promises;
  std::size_t offset = 0;  // of the history in what the promises count
};

CrashMatrix::Effort CrashMatrix::effort() {
  Effort effort;
  effort.is_long = from_environment("MATRIX_LONG", 0) > 0;
  effort.cuts = from_environment("MATRIX_SEEDS", effort.is_long ? 24 : effort.cuts);
  effort.seed = from_environment("MATRIX_SEED", effort.seed);
  if (effort.is_long) effort.restarts = SIZE_MAX;
  return effort;
}

CrashMatrix::CrashMatrix(Effort effort)
    : effort_(effort), workplace_(std::make_unique<Workplace>()) {}
CrashMatrix::~CrashMatrix() = default;

Played CrashMatrix::play(const Scenario& scenario, const FaultPlan& faults, const DiskMaker& make) {
  Image().write_to(workplace_->played);
  Played played{&scenario, {}, {}, false};
  const auto recorder = std::make_shared<Recorder>(faults);
  {
    WitnessedSpool spool(make(workplace_->played, recorder), *recorder, 0, played.promises,
                         scenario.segment_size);
    if (spool.is_open()) scenario.play(spool);
  }
  played.history = recorder->history();
  played.has_failed = recorder->has_failed();
  return played;
}

void CrashMatrix::crash(const FileSystem& left, std::size_t at, const Base& base,
                        const PowerCut& cut, Tally& tally) {
  ++tally.crashes;
  const Image image = left.after(cut, workplace_->random);
  const std::size_t crash = base.offset + at;
  if (!workplace_->seen.insert(image.hash() * 31 + base.promises.made_until(crash)).second) return;
  ++tally.states;
  image.write_to(workplace_->crashed);
  workplace_->log.clear();
  auto broken = look_at(workplace_->crashed, base.segment_size, base.promises, crash, 0);
  if (workplace_->log.contains("content-missing")) broken.emplace_back("an alarm without a loss");
  if (broken.empty()) return;
  ++tally.bad;
  if (tally.broken.size() >= kept_words) return;
  tally.broken.push_back(fmt::format("{} after {} operations, left: {}: {}\n{}", base.name, crash,
                                     text_of(cut), fmt::join(broken, "; "),
                                     end_of(base.history, at)));
}

void CrashMatrix::crash_all_along(const Base& base, Tally& tally, unsigned cuts) {
  for (unsigned i = 0; i < cuts; ++i) {
    workplace_->random.seed(effort_.seed * 1000 + i);
    FileSystem left = base.before;
    for (std::size_t at = 0; at <= base.history.size(); ++at) {
      // The two plainest each time, and all the others in turn.
      const unsigned kind = i < 2 ? i : i + (static_cast<unsigned>(at) + effort_.seed) * (cuts - 2);
      const PowerCut cut = power_cut(i < 2 ? kind : 2 + kind % 10);
      crash(left, at, base, cut, tally);
      if (at < base.history.size()) left.apply(base.history[at], cut, workplace_->random);
    }
  }
}

Tally CrashMatrix::crash_everywhere(const Played& played, NameModel model) {
  Tally tally;
  workplace_->seen.clear();
  crash_all_along({played.scenario->name, played.scenario->segment_size, FileSystem(model),
                   played.history, played.promises},
                  tally, effort_.cuts);
  return tally;
}

Tally CrashMatrix::crash_at_times(const Played& played, NameModel model, std::size_t moments) {
  Tally tally;
  workplace_->seen.clear();
  const Base base{played.scenario->name, played.scenario->segment_size, FileSystem(model),
                  played.history, played.promises};
  const std::size_t size = played.history.size();
  for (unsigned i = 0; i < std::max(2U, effort_.cuts / 2); ++i) {
    workplace_->random.seed(effort_.seed * 1000 + i);
    std::set<std::size_t> times{size};
    while (times.size() < std::min(moments, size)) {
      times.insert(below(size, workplace_->random));
    }
    FileSystem left = base.before;
    for (std::size_t at = 0; at <= size; ++at) {
      const PowerCut cut = power_cut(i + (i < 2 ? 0 : effort_.seed + static_cast<unsigned>(at)));
      if (times.contains(at)) crash(left, at, base, cut, tally);
      if (at < size) left.apply(base.history[at], cut, workplace_->random);
    }
  }
  return tally;
}

Tally CrashMatrix::crash_restarts(const Played& played, NameModel model) {
  Tally tally;
  const std::size_t size = played.history.size();
  const std::size_t count = std::min(effort_.restarts, size + 1);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = effort_.is_long ? i : (i * size + effort_.seed) / count % (size + 1);
    for (const bool is_power_cut : {true, false}) restart(played, model, at, is_power_cut, tally);
  }
  return tally;
}

namespace {

// What follows on a start: some ends, some comes.
void after_the_start(WitnessedSpool& spool) {
  const auto waiting = spool.waiting();
  for (std::size_t i = 0; i < waiting.size(); i += 2) {
    spool.settle_all(waiting[i], RecipientState::delivered, i % 4 == 0);
  }
  spool.accept(1500);
  spool.run();
  if (waiting.size() > 1 && spool.message(waiting[1]).head.envelope.reverse_path) {
    spool.accept_report(waiting[1]);
  }
  spool.accept(max_inline_content + 10);
  spool.run();
  spool.run();
}

}  // namespace

void CrashMatrix::restart(const Played& played, NameModel model, std::size_t at, bool is_power_cut,
                          Tally& tally) {
  workplace_->seen.clear();
  workplace_->random.seed(effort_.seed + static_cast<unsigned>(at));
  const PowerCut cut = power_cut(static_cast<unsigned>(at) + effort_.seed);
  FileSystem before(model);
  for (std::size_t i = 0; i < at; ++i) before.apply(played.history[i], cut, workplace_->random);
  if (is_power_cut) before = FileSystem(model, before.after(cut, workplace_->random));
  before.view().write_to(workplace_->played);

  Promises promises = played.promises;
  promises.forget_after(at);
  const auto recorder = std::make_shared<Recorder>(FaultPlan{}, before.tree(), before.next_inode());
  const std::string name = fmt::format("{}, {}, {} after {}", played.scenario->name,
                                       model == NameModel::strict ? "strict" : "journaled",
                                       is_power_cut ? "power cut, " + text_of(cut) : "killed", at);
  {
    WitnessedSpool spool(simulated_disk(workplace_->played, recorder), *recorder, at, promises,
                         played.scenario->segment_size);
    if (spool.is_open()) after_the_start(spool);
  }
  const History history = recorder->history();
  crash_all_along({name, played.scenario->segment_size, before, history, promises, at}, tally,
                  effort_.is_long ? 6 : 3);
}

Tally CrashMatrix::change_bytes(const Played& played, std::size_t times) {
  Tally tally;
  Random& random = workplace_->random;
  random.seed(effort_.seed);
  FileSystem left(NameModel::strict);
  for (const Operation& operation : played.history) left.apply(operation, {}, random);
  const Image whole = left.view();
  for (std::size_t i = 0; i < times; ++i) {
    Image image = whole;
    auto file = std::next(image.files.begin(),
                          static_cast<std::ptrdiff_t>(below(image.files.size(), random)));
    std::string bytes = *file->second;
    if (bytes.empty()) continue;
    const std::size_t at = below(bytes.size(), random);
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << below(8, random)));
    file->second = std::make_shared<const std::string>(bytes);
    image.write_to(workplace_->crashed);
    workplace_->log.clear();
    ++tally.crashes;
    ++tally.states;
    const auto broken = look_at(workplace_->crashed, played.scenario->segment_size, played.promises,
                                SIZE_MAX - 1, 2);
    if (broken.empty()) continue;
    ++tally.bad;
    if (tally.broken.size() >= kept_words) continue;
    tally.broken.push_back(fmt::format("{}, byte {} of {} of {}: {}", played.scenario->name, at,
                                       bytes.size(), file->first, fmt::join(broken, "; ")));
  }
  return tally;
}

Tally CrashMatrix::fail_reads(const Played& played) {
  Tally tally;
  Random& random = workplace_->random;
  FileSystem left(NameModel::strict);
  for (const Operation& operation : played.history) left.apply(operation, {}, random);
  const Image whole = left.view();
  const std::size_t at = played.history.size();
  bool has_failed = true;
  for (std::size_t n = 1; has_failed; ++n) {
    whole.write_to(workplace_->played);
    Promises promises = played.promises;
    const FileSystem files(NameModel::strict, whole);
    const auto recorder = std::make_shared<Recorder>(FaultPlan{FaultPlan::Calls::that_read, n, 1},
                                                     files.tree(), files.next_inode());
    {
      OpenedStore opened(simulated_disk(workplace_->played, recorder),
                         played.scenario->segment_size);
      if (!opened.cannot_start) {
        opened.release_what_is_over();
        opened.run();
      }
    }
    has_failed = recorder->has_failed();
    ++tally.crashes;
    ++tally.states;
    const auto broken = look_at(workplace_->played, played.scenario->segment_size, promises, at, 0);
    if (broken.empty()) continue;
    ++tally.bad;
    if (tally.broken.size() >= kept_words) continue;
    tally.broken.push_back(
        fmt::format("{}, read {} failed: {}", played.scenario->name, n, fmt::join(broken, "; ")));
  }
  return tally;
}

}  // namespace postern::queue
