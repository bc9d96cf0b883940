// A run of the relay tester, for people at a terminal. What strangers said is made printable.
#pragma once

#include <string>

#include "relaytest/run.h"
#include "relaytest/tester.h"

namespace postern::cli {

struct TableOptions {
  bool all =
      false;  // a line for every probe; else those that were refused share one with their group
  bool naive = false;  // beside ours, the verdict of a tester that takes 250 to RCPT for relaying
  std::size_t width = 0;  // columns; longer replies are cut. 0: nothing is cut, as for a file
  bool colour = false;    // for terminals only
};

/// The whole report: the verdict first, then remarks, evidence, and a table of the probes at each door.
[[nodiscard]] std::string table_of(const relaytest::Run& run, const TableOptions& options);

/// What goes on, in one line of at most 78 columns, without its end.
[[nodiscard]] std::string progress_line(const relaytest::Progress& progress);

}  // namespace postern::cli
