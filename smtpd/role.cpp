#include "smtpd/role.h"

namespace postern::smtpd {

int run(net::Fd) { return 0; }

}  // namespace postern::smtpd
