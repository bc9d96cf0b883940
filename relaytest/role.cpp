#include "relaytest/role.h"

#include <signal.h>
#include <sysexits.h>

#include "net/channel.h"
#include "net/frames.h"

namespace postern::relaytest {
namespace {

using SupervisorChannel = net::Channel<frames::ToSupervisor, frames::ToSelftest>;

}  // namespace

int run(net::Fd supervisor) {
  net::end_process_at_bad_frames();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
  net::asio::io_context loop{1};
  SupervisorChannel channel(loop.get_executor(), std::move(supervisor));
  return EX_OK;
}

}  // namespace postern::relaytest
