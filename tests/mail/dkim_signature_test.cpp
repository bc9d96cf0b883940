#include "mail/dkim_signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::mail {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(DkimSignature, NamesTheFieldsThatItCovers) {
  EXPECT_THAT(signed_fields(" v=1; a=rsa-sha256; d=a.example; s=x; h=From:To:Date; bh=h=; b=a="),
              ElementsAre("From", "To", "Date"));
  EXPECT_THAT(signed_fields("h = from :\r\n\tto\r\n : subject ;b=x"),
              ElementsAre("from", "to", "subject"));
  EXPECT_THAT(signed_fields("h=from:from"), ElementsAre("from", "from"));
  EXPECT_THAT(signed_fields("h="), IsEmpty());
  EXPECT_THAT(signed_fields("bh=from:to; H=from; =h; h"), IsEmpty());
  EXPECT_THAT(signed_fields(""), IsEmpty());
}

}  // namespace
}  // namespace postern::mail
