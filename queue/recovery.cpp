#include "queue/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <random>

#include "net/codec.h"
#include "net/log.h"
#include "queue/log_writer.h"

namespace postern::queue {
namespace {

using net::Result;

constexpr std::string_view mark_file = "mark";
constexpr std::string_view mark_title = "postern spool 1 ";
// Enough of a segment to hold its header and its seal as it nearly always is.
constexpr std::size_t front_size = 4096;
constexpr std::size_t longest_front = segment_header_size + record_header_size + max_payload;

Mark random_mark() {
  std::random_device random;
  return static_cast<Mark>(random()) << 32 | random();
}

Result<std::string> read_front(const Disk& disk, const std::string& name, std::size_t size) {
  Result<net::Fd> file = disk.open_file(name);
  if (!file) return file.error();
  return disk.read(file->get(), 0, size);
}

std::optional<Mark> stored_mark(const Disk& disk) {
  const Result<std::string> text = read_front(disk, std::string(mark_file), front_size);
  if (!text || !text->starts_with(mark_title)) return std::nullopt;
  Mark mark = 0;
  const char* begin = text->data() + mark_title.size();
  const auto [end, error] = std::from_chars(begin, text->data() + text->size(), mark, 16);
  if (error != std::errc() || end - begin != 16) return std::nullopt;
  return mark;
}

std::optional<Mark> mark_among(const Disk& disk, const std::vector<std::uint32_t>& numbers) {
  for (const auto number : numbers) {
    const Result<std::string> front = read_front(disk, segment_name(number), segment_header_size);
    const auto mark = front ? mark_of(*front) : std::nullopt;
    if (mark) return mark;
  }
  return std::nullopt;
}

using Ends = std::map<std::uint32_t, std::uint64_t>;

// The seal at the front of a segment; nothing: it is damaged, and the segments before this one end by themselves.
std::optional<Seal> seal_of(std::string_view front, Mark mark) {
  if (front.size() < segment_header_size) return std::nullopt;
  const auto record =
      parse_record(mark_of(front).value_or(mark), front.substr(segment_header_size));
  if (!record || record->type != RecordType::seal) return std::nullopt;
  return net::decode<Seal>(record->payload);
}

// Adds what the seal of a segment says about those before it.
Result<void> read_seal(const Disk& disk, const std::string& name, Mark mark, Ends& ends) {
  for (const std::size_t size : {front_size, longest_front}) {
    const Result<std::string> front = read_front(disk, name, size);
    if (!front) return {};
    if (version_of(*front).value_or(format_version) > format_version) {
      return make_error_code(boost::system::errc::protocol_not_supported);
    }
    const auto seal = seal_of(*front, mark);
    if (!seal) continue;
    for (const SegmentEnd& entry : *seal) ends[entry.segment] = entry.end;
    break;
  }
  return {};
}

class SegmentReplay {
 public:
  SegmentReplay(Disk& disk, RecoveredSegment& segment, RecordSink& sink)
      : disk_(disk), segment_(segment), sink_(sink) {}

  void run(std::string_view bytes, std::optional<std::uint64_t> end) {
    if (end && bytes.size() < *end) report_damage({bytes.size(), *end}, {}, "its end is missing");
    bytes_ = bytes.substr(0, end.value_or(bytes.size()));
    const bool has_header = mark_of(bytes_).has_value();
    SegmentReader reader(bytes_, segment_.mark);
    while (const auto item = reader.next()) {
      if (const auto* damage = std::get_if<Damage>(&*item)) {
        set_aside(*damage, "no whole record");
      } else {
        take(std::get<Record>(*item));
      }
    }
    segment_.end = std::min<std::uint64_t>(reader.valid_end(), bytes_.size());
    const bool is_torn_tail = has_header && !end;
    if (segment_.end < bytes_.size() && !is_torn_tail) {
      set_aside({segment_.end, bytes_.size()}, "no whole record");
    }
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
    set_aside({record.offset, record.offset + record_header_size + record.payload.size()},
              "a record without meaning");
  }

  void set_aside(Damage damage, std::string_view what) {
    report_damage(damage, bytes_.substr(damage.begin, damage.end - damage.begin), what);
  }

  void report_damage(Damage damage, std::string_view bytes, std::string_view what) {
    const std::string copy = fmt::format("{:08}-{:010}", segment_.number, damage.begin);
    if (!bytes.empty()) {
      Result<std::unique_ptr<Disk>> aside = disk_.subdirectory("damaged");
      const Result<> copied = aside ? (*aside)->replace(copy, bytes) : Result<>(aside.error());
      if (!copied)
        net::log(net::Level::error, "set-aside-failed", {{"error", copied.error().message()}});
    }
    net::log(net::Level::error, "spool-damaged",
             {{"segment", segment_name(segment_.number)},
              {"begin", damage.begin},
              {"end", damage.end},
              {"what", what},
              {"copy", "damaged/" + copy}});
  }

  Disk& disk_;
  RecoveredSegment& segment_;
  RecordSink& sink_;
  std::string_view bytes_;
};

Result<std::string> read_segment(const Disk& disk, const std::string& name) {
  Result<net::Fd> file = disk.open_file(name);
  if (!file) return file.error();
  const Result<std::uint64_t> size = disk.size_of(file->get());
  if (!size) return size.error();
  if (*size > max_segment_file) return make_error_code(boost::system::errc::file_too_large);
  return disk.read(file->get(), 0, *size);
}

}  // namespace

std::vector<std::uint32_t> segments_among(const std::vector<std::string>& names) {
  std::vector<std::uint32_t> numbers;
  for (const std::string& name : names) {
    std::uint32_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number > 0 && name == segment_name(number)) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<Mark> find_mark(Disk& disk) {
  if (const auto mark = stored_mark(disk)) return *mark;
  const Result<std::vector<std::string>> names = disk.names();
  if (!names) return names.error();
  const Mark mark = mark_among(disk, segments_among(*names)).value_or(random_mark());
  const Result<> stored =
      disk.replace(std::string(mark_file), fmt::format("{}{:016x}\n", mark_title, mark));
  if (!stored) return stored.error();
  return mark;
}

Result<std::vector<RecoveredSegment>> replay(Disk& disk, Mark mark, RecordSink& sink) {
  const Result<std::vector<std::string>> names = disk.names();
  if (!names) return names.error();
  const auto numbers = segments_among(*names);
  Ends ends;
  for (const auto number : numbers) {
    const Result<> read = read_seal(disk, segment_name(number), mark, ends);
    if (!read) return read.error();
  }
  std::vector<RecoveredSegment> segments;
  for (const auto number : numbers) {
    const Result<std::string> bytes = read_segment(disk, segment_name(number));
    RecoveredSegment& segment = segments.emplace_back();
    segment = {number, mark, 0, ends.contains(number), bytes.has_value()};
    if (bytes) {
      segment.mark = mark_of(*bytes).value_or(mark);
      segment.size = bytes->size();
      const auto end = ends.find(number);
      SegmentReplay(disk, segment, sink)
          .run(*bytes, end == ends.end() ? std::nullopt : std::optional(end->second));
    } else {
      net::log(net::Level::error, "spool-unreadable",
               {{"segment", segment_name(number)}, {"error", bytes.error().message()}});
    }
  }
  return segments;
}

}  // namespace postern::queue
