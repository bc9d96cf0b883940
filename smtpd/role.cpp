#include "smtpd/role.h"

#include "net/role.h"
#include "smtpd/server.h"

namespace postern::smtpd {

int run(net::Fd supervisor) {
  net::RoleLoop<Server> loop(std::move(supervisor));
  return loop.run();
}

}  // namespace postern::smtpd
