#include "queue/role.h"

namespace postern::queue {

int run(net::Fd) { return 0; }

}  // namespace postern::queue
