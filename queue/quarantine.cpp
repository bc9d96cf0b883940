#include "queue/quarantine.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/log.h"
#include "queue/spool_names.h"

namespace postern::queue {
namespace {

namespace errc = boost::system::errc;
using Kind = Finding::Kind;
using net::Level;
using net::Result;

std::string id_text(const Finding& finding) { return finding.id ? finding.id->text() : "unknown"; }

std::string path_of(const std::string& name) { return fmt::format("{}/{}", damaged_name, name); }

}  // namespace

bool Quarantine::take(const Finding& finding, std::string_view bytes) {
  switch (finding.kind) {
    case Kind::torn:
      net::log("torn-tail", {{"file", finding.file},
                             {"begin", finding.begin},
                             {"bytes", finding.end - finding.begin},
                             {"what", finding.what}});
      return true;
    case Kind::damage:
      return content_id(finding.file) ? move(finding) : copy(finding, bytes);
    case Kind::missing:
      has_new_damage_ = true;
      if (may_tell())
        net::log(Level::error, "spool-damaged",
                 {{"file", finding.file},
                  {"begin", finding.begin},
                  {"end", finding.end},
                  {"what", finding.what},
                  {"then", "mail is lost, unless a backup has this file"}});
      return true;
    case Kind::foreign:
      return move(finding);
    case Kind::unreadable:
      if (may_tell())
        net::log(Level::error, "spool-unreadable",
                 {{"file", finding.file},
                  {"error", finding.what},
                  {"then", "it stays, and is read again at the next start"}});
      return true;
  }
  return true;
}

bool Quarantine::copy(const Finding& finding, std::string_view bytes) {
  const std::string name =
      fmt::format("{}-{:010}", finding.file.substr(0, finding.file.find('.')), finding.begin);
  Result<> copied;
  if (!bytes.empty()) copied = open();
  const bool is_known = knows(name);
  if (copied && !bytes.empty()) copied = damaged_->replace(name, bytes);
  if (!is_known) has_new_damage_ = true;
  if (may_tell())
    net::log(is_known ? Level::warning : Level::error, "spool-damaged",
             {{"file", finding.file},
              {"begin", finding.begin},
              {"end", finding.end},
              {"what", finding.what},
              {"id", id_text(finding)},
              {"kept", bytes.empty() ? "nothing"
                       : copied      ? path_of(name)
                                     : "where it is: " + copied.error().message()}});
  return copied.has_value();
}

// All of a file, for one that counts as a whole: content whose checksum can no longer be right, and what is not ours. A directory
// can be moved too; one that is not ours to move, or a mount point, stays and is told of again.
bool Quarantine::move(const Finding& finding) {
  Result<> moved = open();
  // It had the name of the directory itself, which has made way for it.
  const bool is_moved = finding.file == damaged_name && moved;
  if (moved && !is_moved) moved = spool_.rename(finding.file, *damaged_, finding.file);
  if (moved) has_moved_ = true;
  if (finding.kind == Kind::damage || segment_number(finding.file)) has_new_damage_ = true;
  if (may_tell())
    net::log(Level::error, finding.kind == Kind::foreign ? "foreign-file" : "spool-damaged",
             {{"file", finding.file},
              {"what", finding.what},
              {"id", id_text(finding)},
              {"moved", moved ? path_of(finding.file) : "not: " + moved.error().message()}});
  return moved.has_value();
}

Result<> Quarantine::open() {
  if (damaged_) return {};
  const std::string name(damaged_name);
  Result<std::unique_ptr<Disk>> opened = spool_.subdirectory(name);
  const bool is_taken = !opened && (opened.error() == errc::not_a_directory ||
                                    opened.error() == errc::too_many_symbolic_link_levels);
  if (is_taken) {
    const std::string aside = name + ".file";
    Result<> moved = spool_.rename(name, spool_, aside);
    if (!moved) return moved;
    opened = spool_.subdirectory(name);
    if (opened) moved = spool_.rename(aside, **opened, name);
    if (!moved) return moved;
  }
  if (!opened) return opened.error();
  Result<std::vector<std::string>> names = (*opened)->names();
  if (!names) return names.error();
  const Result<> synced = spool_.sync_names();
  if (!synced) return synced;
  damaged_ = std::move(*opened);
  before_ = std::move(*names);
  return {};
}

bool Quarantine::knows(const std::string& name) const {
  return std::binary_search(before_.begin(), before_.end(), name);
}

void Quarantine::finish() {
  if (has_moved_) {
    Result<> synced = damaged_->sync_names();
    if (synced) synced = spool_.sync_names();
    if (!synced)
      net::log(Level::warning, "set-aside-failed", {{"error", synced.error().message()}});
  }
  if (found_ > max_told) {
    net::log(Level::error, "spool-damaged", {{"more", found_ - max_told}});
  }
}

}  // namespace postern::queue
