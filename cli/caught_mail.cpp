#include "caught_mail.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>

#include "foreign_text.h"
#include "mail/header.h"

namespace postern::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_subject = 80;  // octets that are shown

/// The number after the highest one that a file in the folder has.
std::uint64_t next_number(const fs::path& directory) {
  std::uint64_t next = 1;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().stem().string();
    std::uint64_t number = 0;
    const char* end = name.data() + name.size();
    const auto [behind, error] = std::from_chars(name.data(), end, number);
    if (error == std::errc{} && behind == end) next = std::max(next, number + 1);
  }
  return next;
}

/// Under another name first, so that whoever waits for the file finds it whole.
bool write_whole(const fs::path& path, std::string_view content) {
  fs::path unfinished = path;
  unfinished += ".part";
  std::ofstream file(unfinished, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  std::error_code error;
  if (file) fs::rename(unfinished, path, error);
  return file && !error;
}

std::string subject_of(std::string_view content) {
  const auto fields = mail::split_header(mail::header_section_of(content));
  if (!fields) return {};
  for (const mail::HeaderField& field : *fields) {
    if (!mail::is_named(field, "Subject")) continue;
    std::string subject = printable(field.value);
    std::erase(subject, '\n');
    subject.erase(0, subject.find_first_not_of(" \t"));
    return subject.substr(0, max_subject);
  }
  return {};
}

}  // namespace

std::string envelope_json(const relaytest::CaughtMessage& message) {
  std::vector<std::string> to;
  for (const std::string& recipient : message.recipients) to.push_back(json_string(recipient));
  return fmt::format("{{\"from\": {}, \"to\": [{}], \"size\": {}, \"tls\": {}}}\n",
                     json_string(message.reverse_path), fmt::join(to, ", "), message.size,
                     message.is_encrypted);
}

CaughtMail::CaughtMail(Options options) : options_(std::move(options)) {
  if (!options_.directory) return;
  fs::create_directories(*options_.directory);
  first_file_ = next_number(*options_.directory);
}

std::size_t CaughtMail::needed_content(std::size_t all) const {
  if (options_.directory || options_.show == Show::all) return all;
  return options_.is_quiet ? 0 : std::min(all, mail::max_header_section);
}

bool CaughtMail::add(const relaytest::CaughtMessage& message) {
  if (options_.directory && !write_files(message)) return false;
  ++count_;
  recipients_ += message.recipients.size();
  bytes_ += message.size;
  if (!options_.is_quiet) print(message);
  return true;
}

bool CaughtMail::write_files(const relaytest::CaughtMessage& message) const {
  const std::string name = fmt::format("{:06}", first_file_ + count_);
  const fs::path path = *options_.directory / name;
  const bool is_written = write_whole(fs::path(path) += ".json", envelope_json(message)) &&
                          write_whole(fs::path(path) += ".eml", message.content);
  if (!is_written) fmt::print(stderr, "postern catch: cannot write {}.eml\n", path.string());
  return is_written;
}

void CaughtMail::print(const relaytest::CaughtMessage& message) const {
  std::vector<std::string> to;
  for (const std::string& recipient : message.recipients) to.push_back(printable(recipient));
  fmt::print("{} from=<{}> to=<{}> {} bytes \"{}\"\n", count_, printable(message.reverse_path),
             fmt::join(to, ">,<"), message.size, subject_of(message.content));
  if (options_.show == Show::headers)
    fmt::print("{}\n", printable(mail::header_section_of(message.content)));
  if (options_.show == Show::all) fmt::print("{}\n", printable(message.content));
  std::fflush(stdout);
}

std::string CaughtMail::totals() const {
  return fmt::format("{} message{}, {} recipient{}, {} bytes", count_, count_ == 1 ? "" : "s",
                     recipients_, recipients_ == 1 ? "" : "s", bytes_);
}

}  // namespace postern::cli
