#include "delivery/role.h"

namespace postern::delivery {

int run(net::Fd) { return 0; }

}  // namespace postern::delivery
