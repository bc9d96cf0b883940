#include "delivery/dialogue.h"

#include <fmt/format.h>

namespace postern::delivery {

std::string words_of(net::error_code error) {
  if (error == boost::system::errc::bad_message) return "the answer is not SMTP";
  if (error == net::asio::error::message_size) return "a line of the answer is too long";
  if (error == net::asio::error::eof) return "the connection was closed";
  if (error == net::asio::error::timed_out) return "no answer in time";
  return error.message();
}

void Dialogue::limit_to(net::Clock::duration limit) {
  const auto left =
      deadline_ == net::Clock::time_point::max() ? limit : deadline_ - net::Clock::now();
  stream_.expires_after(std::min(limit, left));
}

net::Task<net::Result<>> Dialogue::write(std::string_view bytes, net::Clock::duration limit) {
  limit_to(limit);
  return stream_.write(bytes);
}

net::Task<net::Result<mail::Reply>> Dialogue::read_reply(net::Clock::duration limit) {
  limit_to(limit);
  mail::ReplyParser parser;
  for (;;) {
    net::Result<std::string> line = co_await stream_.read_line(max_reply_line);
    if (!line) co_return line.error();
    mail::Parsed<bool> is_complete = parser.add_line(*line);
    if (!is_complete) co_return make_error_code(boost::system::errc::bad_message);
    if (*is_complete) co_return parser.take();
  }
}

net::Task<net::Result<mail::Reply>> Dialogue::ask(std::string command, net::Clock::duration limit) {
  command += "\r\n";
  net::Result<> written = co_await write(command, limit);
  if (!written) co_return written.error();
  net::Result<mail::Reply> reply = co_await read_reply(limit);
  co_return reply;
}

Trouble Dialogue::refused(Trouble::Kind kind, std::string_view command, mail::Reply reply) const {
  std::string words = fmt::format("{} answered {} with {}", hop_.text(), command, reply.one_line());
  return {kind, std::move(reply), std::move(words), hop_.text()};
}

Trouble Dialogue::failed(Trouble::Kind kind, std::string_view step, net::error_code error) const {
  std::string words = fmt::format("{} at {}: {}", hop_.text(), step, words_of(error));
  return {kind, mail::Reply{451, {4, 4, 2}, words}, words};
}

Trouble Dialogue::trouble(Trouble::Kind kind, mail::Reply reply) const {
  std::string words = fmt::format("{}: {}", hop_.text(), reply.text);
  return {kind, std::move(reply), std::move(words)};
}

}  // namespace postern::delivery
