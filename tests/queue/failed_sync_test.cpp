// What a failed sync leaves behind is not believed later on.
#include <gtest/gtest.h>

#include "temporary_spool.h"

namespace postern::queue {
namespace {

using boost::system::errc::io_error;

const std::string small = "Subject: small\r\n\r\nbody\r\n";

// Its seal stands in the segment behind it. Were that one removed first, the refused mail would come back.
TEST(FailedSync, OfTheNamesLeavesNoSegmentBehindThatCannotBeRemovedAtOnce) {
  const TemporaryDirectory directory;
  {
    Spool spool(directory.path(), 1);  // every batch a segment of its own
    spool.disk->fail_at(
        4, 2, io_error);  // create, write, sync; then the names, and the removal of the file
    spool.accept(1, small);
    spool.run();
    EXPECT_TRUE(spool.answers[1]);
    EXPECT_TRUE(std::filesystem::exists(directory.path() / segment_name(1)));
    for (std::uint64_t id = 2; id <= 4; ++id) {
      spool.accept(id, small);
      spool.run();
      spool.store->record(delivered(id), nullptr);
      spool.store->release(mail::MessageId(id));
      spool.run();
    }
    EXPECT_FALSE(std::filesystem::exists(directory.path() / segment_name(1)));
    EXPECT_FALSE(std::filesystem::exists(directory.path() / segment_name(2)));
  }
  Spool again(directory.path());
  EXPECT_FALSE(again.found.heads.contains(mail::MessageId(1)));
}

// The kernel says it once. Whoever did not hear it must not rely on a later sync.
TEST(FailedSync, OfTheNamesRefusesLargeMessagesWhoseNamesItMayHaveDropped) {
  const TemporaryDirectory directory;
  Spool spool(directory.path());
  auto draft = spool.store->begin(mail::MessageId(1));
  ASSERT_TRUE(draft->add(std::string(max_inline_content + 1, 'x')));
  spool.disk->fail_at(1, 1, io_error);
  EXPECT_FALSE(spool.disk->sync_names()) << "another thread's";
  net::Result<> answer;
  spool.store->accept(
      {mail::MessageId(1), envelope("a@b.example", {"c@d.example"}), {}, std::move(draft), {}},
      [&](net::Result<> result) { answer = result; });
  spool.run();
  EXPECT_FALSE(answer);
  EXPECT_TRUE(files_in(directory.path(), ".msg").empty());
  spool.accept(2, std::string(max_inline_content + 1, 'x'));
  spool.run();
  EXPECT_TRUE(spool.is_committed(2));
}

}  // namespace
}  // namespace postern::queue
