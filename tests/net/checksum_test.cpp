#include "net/checksum.h"

#include <gtest/gtest.h>

namespace postern::net {
namespace {

TEST(Checksum, IsCrc32c) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);  // the check value of the catalogue of CRCs
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720, B.4
}

TEST(Checksum, GoesOnWhereItStopped) {
  EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
}

}  // namespace
}  // namespace postern::net
