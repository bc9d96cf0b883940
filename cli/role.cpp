// `postern role NAME`: the process of one role, started by the supervisor with its channel as descriptor 3.
#include "auth/role.h"

#include <sysexits.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "command.h"
#include "daemon/supervisor.h"
#include "delivery/role.h"
#include "net/log.h"
#include "queue/role.h"
#include "relaytest/role.h"
#include "smtpd/role.h"

namespace postern::cli {

void add_role(CLI::App& app, Context& context) {
  static const std::map<std::string, std::function<int(net::Fd)>> roles = {
      {"smtpd", smtpd::run},
      {"auth", auth::run},
      {"queue", queue::run},
      {"delivery", delivery::run},
      {"selftest", relaytest::run}};
  auto* command = app.add_subcommand("role", "one role's process; started by `postern serve`");
  command->group("");  // not for users: hidden from the help
  auto name = std::make_shared<std::string>();
  command->add_option("name", *name)->required()->check(CLI::IsMember(roles));
  command->callback([name, &context] {
    net::name_log(*name);
    context.exit_code = roles.at(*name)(net::Fd(daemon::role_descriptor));
  });
}

}  // namespace postern::cli
