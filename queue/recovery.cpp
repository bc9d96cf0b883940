#include "queue/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <random>

#include "net/codec.h"
#include "queue/read_ahead.h"
#include "queue/spool_names.h"

namespace postern::queue {
namespace {

namespace errc = boost::system::errc;
using Kind = Finding::Kind;
using net::Result;

constexpr std::string_view mark_title = "postern spool 1 ";
// Enough of a segment to hold its header and its seal as it nearly always is.
constexpr std::size_t front_size = 4096;
constexpr std::size_t longest_front = segment_header_size + record_header_size + max_payload;

Mark random_mark() {
  std::random_device random;
  return static_cast<Mark>(random()) << 32 | random();
}

/// Not the file's fault: what it holds must not be taken for lost.
bool is_passing(const net::error_code& error) {
  return error == errc::too_many_files_open || error == errc::too_many_files_open_in_system ||
         error == errc::not_enough_memory || error == errc::permission_denied ||
         error == errc::operation_not_permitted;
}

Result<std::string> read_front(const Disk& disk, const std::string& name, std::size_t size) {
  const Result<net::Fd> file = disk.open_file(name);
  if (!file) return file.error();
  return disk.read(file->get(), 0, size);
}

std::string text_of(Mark mark) { return fmt::format("{}{:016x}\n", mark_title, mark); }

std::optional<Mark> stored_mark(const Disk& disk) {
  const Result<std::string> text = read_front(disk, std::string(mark_name), front_size);
  if (!text || !text->starts_with(mark_title)) return std::nullopt;
  Mark mark = 0;
  const char* begin = text->data() + mark_title.size();
  std::from_chars(begin, text->data() + text->size(), mark, 16);
  return *text == text_of(mark) ? std::optional(mark) : std::nullopt;
}

std::vector<std::uint32_t> segments_among(const std::vector<std::string>& names) {
  std::vector<std::uint32_t> numbers;
  for (const std::string& name : names) {
    if (const auto number = segment_number(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Finding foreign(std::string name, std::string what) {
  return {Kind::foreign, std::move(name), 0, 0, std::move(what), std::nullopt};
}

// Why a name is none of the spool's own; nothing: it is.
std::optional<std::string_view> strangeness(const Disk& disk, const std::string& name) {
  const bool is_folder = name == damaged_name || name == "lost+found";
  const bool is_known = is_folder || name == lock_name || name == mark_name ||
                        name == mark_leftover || segment_number(name) || content_id(name);
  if (!is_known) return "a name that is none of Postern's";
  const Result<FileKind> kind = disk.kind_of(name);
  if (!kind) return std::nullopt;  // it went away
  if (is_folder) {
    return *kind == FileKind::directory ? std::nullopt : std::optional("it should be a directory");
  }
  return *kind == FileKind::regular ? std::nullopt : std::optional("no regular file");
}

// Where segments end, as later ones say.
using Ends = std::map<std::uint32_t, std::uint64_t>;

// What lies before the records: which segments are ours, and where they end.
struct Overview {
  std::vector<std::uint32_t> numbers;  // of our segments, in order
  Ends ends;
  std::uint32_t last_begun =
      0;  // the number of the last segment that has a seal: a batch of it is durable
};

class Survey {
 public:
  Survey(const Disk& disk, Mark mark, RecordSink& sink) : disk_(disk), mark_(mark), sink_(sink) {}

  Result<Overview> run() {
    const Result<std::vector<std::string>> names = disk_.names();
    if (!names) return names.error();
    for (const auto number : segments_among(*names)) {
      const Result<> taken = take(number);
      if (!taken) return taken.error();
    }
    report_missing();
    return std::move(overview_);
  }

 private:
  Result<> take(std::uint32_t number) {
    const std::string name = segment_name(number);
    const Result<std::string> front = read_front(disk_, name, front_size);
    if (!front && is_passing(front.error())) return front.error();
    if (!front && front.error() == errc::no_such_file_or_directory) return {};  // it went away
    const auto kind = disk_.kind_of(name);
    if (kind && *kind != FileKind::regular) return {};  // told of by `strangers`
    const auto header = front ? header_of(*front) : std::nullopt;
    if (header && header->number != number) {
      sink_.on_finding(foreign(name, fmt::format("a copy of segment {}", header->number)), {});
      return {};
    }
    if (header && header->mark != mark_) {
      sink_.on_finding(foreign(name, "a segment of another spool"), {});
      return {};
    }
    if (header && header->version > format_version) {
      return make_error_code(errc::protocol_not_supported);
    }
    overview_.numbers.push_back(number);
    if (front) read_seal(number, *front);
    return {};
  }

  void read_seal(std::uint32_t number, std::string front) {
    auto seal = seal_in(front);
    if (!seal && front.size() == front_size) {
      const Result<std::string> more = read_front(disk_, segment_name(number), longest_front);
      if (more) seal = seal_in(*more);
    }
    if (!seal) return;  // it is damaged, and the segments before this one end by themselves
    for (const SegmentEnd& entry : *seal) overview_.ends[entry.segment] = entry.end;
    overview_.last_begun = number;
  }

  std::optional<Seal> seal_in(std::string_view front) const {
    if (front.size() < segment_header_size) return std::nullopt;
    const auto record = parse_record(mark_, front.substr(segment_header_size));
    if (!record || record->type != RecordType::seal) return std::nullopt;
    return net::decode<Seal>(record->payload);
  }

  // Only the oldest segments are ever deleted.
  void report_missing() {
    const auto& numbers = overview_.numbers;
    for (const auto& [number, end] : overview_.ends) {
      if (end == 0 || number < numbers.front()) continue;
      if (std::binary_search(numbers.begin(), numbers.end(), number)) continue;
      sink_.on_finding({Kind::missing, segment_name(number), 0, end, "a segment is gone", {}}, {});
    }
  }

  const Disk& disk_;
  Mark mark_;
  RecordSink& sink_;
  Overview overview_;
};

class SegmentReplay {
 public:
  /// `is_last`: nothing was written behind this segment.
  SegmentReplay(RecoveredSegment& segment, std::string_view bytes, bool is_last, RecordSink& sink)
      : segment_(segment), bytes_(bytes), is_last_(is_last), sink_(sink) {}

  /// `end`: of what counts in it, as a later segment says. False: this is no segment at all.
  bool run(std::optional<std::uint64_t> end) {
    if (end && bytes_.size() < *end) {
      find(Kind::missing, {bytes_.size(), *end}, "the end of the file");
    }
    bytes_ = bytes_.substr(0, end.value_or(bytes_.size()));
    const bool is_torn_tail = is_last_ && !end;
    // A power cut may keep the end of a batch that was not synced, and not its beginning.
    const std::string no_record =
        is_torn_tail ? "no whole record: damage, or a write that a power cut tore apart"
                     : "no whole record";
    SegmentReader reader(bytes_, segment_.mark);
    const bool is_empty =
        bytes_.size() < segment_header_size || bytes_.find_first_not_of('\0') == bytes_.npos;
    bool has_record = false;
    std::vector<Damage> early;  // kept back until it is clear that this is a segment
    while (const auto item = reader.next()) {
      if (const auto* damage = std::get_if<Damage>(&*item)) {
        early.push_back(*damage);
        continue;
      }
      has_record = true;
      for (const Damage& damage : early) find(Kind::damage, damage, no_record);
      early.clear();
      take(std::get<Record>(*item));
    }
    if (!has_record && !mark_of(bytes_) && !end && !is_empty) return false;
    for (const Damage& damage : early) {
      if (!is_empty) find(Kind::damage, damage, no_record);
    }
    segment_.end = std::min<std::uint64_t>(reader.valid_end(), bytes_.size());
    if (is_empty && !end) segment_.end = 0;
    // Room that was written ahead is no part of a write. Where only a lost seal makes it look like a loss, it is told as one.
    const std::size_t tail_end = is_torn_tail ? bytes_.find_last_not_of('\0') + 1 : bytes_.size();
    if (segment_.end < tail_end) {
      find(is_torn_tail ? Kind::torn : Kind::damage, {segment_.end, tail_end},
           is_torn_tail ? "a write that was cut off" : no_record);
    }
    return true;
  }

 private:
  void take(const Record& record) {
    if (record.type == RecordType::seal) return;
    if (record.type == RecordType::update) {
      if (const auto update = net::decode<Update>(record.payload)) {
        return sink_.on_update(segment_, record, *update);
      }
    } else if (const auto payload = parse_message(record.type, record.payload)) {
      return sink_.on_message(segment_, record, *payload);
    }
    find(Kind::damage, {record.offset, record.offset + record_header_size + record.payload.size()},
         "a record without meaning");
  }

  void find(Kind kind, Damage range, std::string what) {
    const std::string_view bytes = range.begin < bytes_.size()
                                       ? bytes_.substr(range.begin, range.end - range.begin)
                                       : std::string_view();
    sink_.on_finding({kind, segment_name(segment_.number), range.begin, range.end, std::move(what),
                      claimed_id(segment_.mark, bytes)},
                     bytes);
  }

  RecoveredSegment& segment_;
  std::string_view bytes_;
  bool is_last_;
  RecordSink& sink_;
};

}  // namespace

Result<std::vector<Finding>> strangers(const Disk& disk) {
  const Result<std::vector<std::string>> names = disk.names();
  if (!names) return names.error();
  std::vector<Finding> found;
  for (const std::string& name : *names) {
    if (name == "." || name == "..") continue;
    if (const auto why = strangeness(disk, name)) found.push_back(foreign(name, std::string(*why)));
  }
  const Result<std::optional<Mark>> mark = find_mark(disk);
  if (!mark) return mark.error();
  if (*mark && stored_mark(disk) != *mark) {
    found.push_back({Kind::damage, std::string(mark_name), 0, 0,
                     "it does not say what the segments say", std::nullopt});
  }
  return found;
}

bool is_spool(const Disk& disk) {
  const Result<std::vector<std::string>> names = disk.names();
  return stored_mark(disk) || (names && std::ranges::any_of(*names, [](const std::string& name) {
                                 return segment_number(name) || content_id(name);
                               }));
}

std::optional<Finding> content_fault(const Disk& disk, mail::MessageId id, std::uint64_t size) {
  const std::string name = content_name(id);
  const Result<net::Fd> file = disk.open_file(name);
  if (!file && file.error() == errc::no_such_file_or_directory) {
    return Finding{Kind::missing, name, 0, 0, "content is gone", id};
  }
  const Result<std::uint64_t> found = file ? disk.size_of(file->get()) : file.error();
  if (!found) return Finding{Kind::unreadable, name, 0, 0, found.error().message(), id};
  if (*found == size) return std::nullopt;
  return Finding{Kind::damage,
                 name,
                 0,
                 0,
                 fmt::format("content of {} bytes that should have {}", *found, size),
                 id};
}

Result<std::optional<Mark>> find_mark(const Disk& disk) {
  const Result<std::vector<std::string>> names = disk.names();
  if (!names) return names.error();
  std::map<Mark, std::size_t> segments;  // how many have it
  const auto stored = stored_mark(disk);
  for (const auto number : segments_among(*names)) {
    const auto front = read_front(disk, segment_name(number), segment_header_size);
    if (!front && is_passing(front.error())) return front.error();
    const auto header = front ? header_of(*front) : std::nullopt;
    if (header && header->number == number) ++segments[header->mark];
  }
  if (segments.empty() || (stored && segments.contains(*stored))) return stored;
  const auto most =
      std::ranges::max_element(segments, {}, [](const auto& segment) { return segment.second; });
  return std::optional(most->first);
}

Result<Mark> settle_mark(Disk& disk) {
  const Result<std::optional<Mark>> found = find_mark(disk);
  if (!found) return found.error();
  const Mark mark = found->value_or(random_mark());
  (void)disk.remove(std::string(mark_leftover));
  if (stored_mark(disk) == mark) return mark;
  const Result<> stored = disk.replace(std::string(mark_name), text_of(mark));
  if (!stored) return stored.error();
  return mark;
}

Result<std::vector<RecoveredSegment>> replay(const Disk& disk, Mark mark, RecordSink& sink) {
  const Result<Overview> overview = Survey(disk, mark, sink).run();
  if (!overview) return overview.error();
  std::vector<RecoveredSegment> segments;
  std::vector<std::string> names;
  for (const auto number : overview->numbers) names.push_back(segment_name(number));
  ReadAhead reading(disk, names, max_segment_file);
  for (const auto number : overview->numbers) {
    const std::string name = segment_name(number);
    const Result<std::string_view> bytes = reading.next();
    RecoveredSegment segment{number,           mark, 0, 0, overview->ends.contains(number),
                             bytes.has_value()};
    if (bytes) {
      segment.size = bytes->size();
      const auto end = overview->ends.find(number);
      SegmentReplay replayed(segment, *bytes, number >= overview->last_begun, sink);
      if (!replayed.run(segment.is_sealed ? std::optional(end->second) : std::nullopt)) {
        sink.on_finding(foreign(name, "nothing in it is a segment's"), {});
        continue;
      }
    } else if (is_passing(bytes.error())) {
      return bytes.error();
    } else if (bytes.error() == errc::no_such_file_or_directory) {
      continue;
    } else if (bytes.error() == errc::file_too_large) {
      sink.on_finding(foreign(name, "far too large for a segment"), {});
      continue;
    } else {
      sink.on_finding({Kind::unreadable, name, 0, 0, bytes.error().message(), std::nullopt}, {});
    }
    segments.push_back(segment);
  }
  return segments;
}

}  // namespace postern::queue
