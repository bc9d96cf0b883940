#include "delivery/fake_server.h"

#include <gtest/gtest.h>

#include <sstream>

namespace postern::delivery {
namespace {

constexpr std::size_t max_line = 100'000;
constexpr std::chrono::seconds patience{20};

bool matches(const std::string& line, const std::string& pattern) {
  if (!pattern.ends_with('*')) return line == pattern;
  return line.starts_with(pattern.substr(0, pattern.size() - 1));
}

std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      plain += text[++i] == 'r' ? '\r' : '\n';
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

std::string hello(const std::vector<std::string>& keywords) {
  std::string script = "S: 220 mx.test ESMTP\nC: EHLO client.test\n";
  if (keywords.empty()) return script + "S: 250 mx.test\n";
  script += "S: 250-mx.test greets you\n";
  for (std::size_t i = 0; i < keywords.size(); ++i) {
    script += (i + 1 < keywords.size() ? "S: 250-" : "S: 250 ") + keywords[i] + '\n';
  }
  return script;
}

FakeServer::FakeServer(net::asio::io_context& loop, std::vector<std::string> scripts,
                       net::SslContext tls)
    : loop_(loop),
      acceptor_(loop.get_executor(), {net::asio::ip::address_v4::loopback(), 0}),
      port_(acceptor_.local_endpoint().port()),
      scripts_(std::move(scripts)),
      tls_(std::move(tls)),
      nursery_(loop.get_executor()) {
  nursery_.start(accept());
}

FakeServer::~FakeServer() { end_all(loop_, nursery_); }

void end_all(net::asio::io_context& loop, net::Nursery& nursery) {
  loop.restart();
  net::asio::post(loop, [&nursery] { nursery.cancel(); });  // it must be called on the loop
  while (nursery.size() > 0 && loop.run_one_for(patience) > 0) continue;
}

net::Task<> FakeServer::accept() {
  while (acceptor_.is_open()) {
    auto [error, socket] = co_await acceptor_.async_accept(net::as_result);
    if (error) co_return;
    net::error_code ignored;
    socket.set_option(net::asio::ip::tcp::no_delay(true), ignored);
    const std::size_t index = is_repeating_ ? connections_ % scripts_.size() : connections_;
    ++connections_;
    if (index < scripts_.size()) nursery_.start(play(std::move(socket), scripts_[index]));
  }
}

net::Task<> FakeServer::play(net::TcpSocket socket, std::string script) {
  net::Stream stream(std::move(socket));
  std::istringstream lines(script);
  std::string line;
  std::string out;
  while (std::getline(lines, line)) {
    if (line.empty() || line.starts_with('#')) continue;
    if (!line.starts_with("S: ") && !out.empty()) {
      stream.expires_after(patience);
      net::Result<> written = co_await stream.write(out);
      out.clear();
      if (!written) co_return;
    }
    const bool goes_on = co_await step(stream, line, out);
    if (!goes_on) co_return;
  }
  stream.expires_after(patience);
  static_cast<void>(co_await stream.write(out));
  stream.close();
}

net::Task<bool> FakeServer::step(net::Stream& stream, std::string line, std::string& out) {
  stream.expires_after(patience);
  if (line.starts_with("S: ")) {
    out += line.substr(3) + "\r\n";
    co_return true;
  }
  if (line.starts_with("raw ")) {
    const std::string bytes = unescaped(line.substr(4));
    net::Result<> written = co_await stream.write(bytes);
    co_return written.has_value();
  }
  if (line.starts_with("C: ")) {
    const bool is_right = co_await expect(stream, line.substr(3));
    co_return is_right;
  }
  if (line == "content") {
    const bool is_whole = co_await take_content(stream);
    co_return is_whole;
  }
  if (line == "something") {
    net::Result<> more = co_await stream.read_more();
    stream.consume(stream.input().size());
    co_return more.has_value();
  }
  if (line == "tls") {
    net::Result<> done = co_await stream.accept_tls(tls_);
    co_return done.has_value();
  }
  if (line == "hang") {
    for (;;) {
      net::Result<> more = co_await stream.read_more();
      if (!more) co_return false;
      stream.consume(stream.input().size());
    }
  }
  EXPECT_EQ(line, "close") << "no such step";
  stream.close();
  co_return false;
}

net::Task<bool> FakeServer::expect(net::Stream& stream, std::string pattern) {
  while (stream.input().find("\r\n") == std::string_view::npos) {
    net::Result<> more = co_await stream.read_more();
    if (!more) co_return false;  // the client may go when it likes
    ++read_;
  }
  net::Result<std::string> line = co_await stream.read_line(max_line);
  if (!line) co_return false;
  lines_.push_back(*line);
  reads_.push_back(read_);
  EXPECT_TRUE(matches(*line, pattern)) << "expected: " << pattern << "\n     got: " << *line;
  co_return matches(*line, pattern);
}

net::Task<bool> FakeServer::take_content(net::Stream& stream) {
  std::string content = "\r\n";
  while (!content.ends_with("\r\n.\r\n")) {
    if (stream.input().empty()) {
      net::Result<> more = co_await stream.read_more();
      if (!more) co_return false;
      ++read_;
    }
    // One octet at a time, so that nothing behind the final dot is taken.
    content += stream.input().front();
    stream.consume(1);
  }
  contents_.push_back(content.substr(2, content.size() - 5));
  co_return true;
}

}  // namespace postern::delivery
