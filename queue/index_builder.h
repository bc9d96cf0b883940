// Fills the index from what is read at the start, tells the visitor, and sets aside what is damaged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "queue/log_index.h"
#include "queue/quarantine.h"
#include "queue/recovery.h"
#include "queue/store.h"

namespace postern::queue {

class IndexBuilder final : public RecordSink {
 public:
  IndexBuilder(Disk& disk, LogIndex& index, Store::Visitor& visitor)
      : disk_(disk), index_(index), visitor_(visitor), quarantine_(disk) {}

  void on_message(const RecoveredSegment& segment, const Record& record,
                  const MessagePayload& payload) override;
  void on_update(const RecoveredSegment& segment, const Record& record,
                 const Update& update) override;
  void on_finding(const Finding& finding, std::string_view bytes) override;

  /// Of large messages for which somebody still waits. When all has been read.
  void report_faults_of_contents();

  /// Damage in it could not be copied: it must stay.
  bool is_unsaved(std::uint32_t segment) const { return unsaved_.contains(segment); }
  Quarantine& quarantine() { return quarantine_; }

 private:
  // A message once more. It takes the place of the first one only when that which was moved along with it stands right behind
  // it: a power cut may have left the one without the other, and how things stand is then still told where it was.
  struct Copy {
    mail::MessageId id;
    RecordPlace at;
  };

  // A large message without all of its content. When all its recipients have ended, that is as it should be.
  struct WithoutContent {
    Finding fault;
    std::vector<bool> has_ended;  // each recipient
    RecordPlace at;
    Mark mark = 0;
    std::optional<Update>
        reports;  // counts when the report was sent; else what it reports is reported again
  };

  void take(const RecordPlace& at, Mark mark, const Update& update);

  Disk& disk_;
  LogIndex& index_;
  Store::Visitor& visitor_;
  std::optional<Copy> copy_;                                 // that was just read
  std::map<std::uint64_t, WithoutContent> without_content_;  // by message id
  std::set<std::uint32_t> unsaved_;
  Quarantine quarantine_;
};

}  // namespace postern::queue
