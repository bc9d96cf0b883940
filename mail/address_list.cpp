#include "mail/address_list.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "mail/ascii.h"

namespace postern::mail {
namespace {

struct Token {
  enum class Kind : std::uint8_t { word, literal, special };
  Kind kind = Kind::special;
  std::string_view text;
  std::size_t end = 0;  // in the list

  bool is(char c) const { return kind == Kind::special && text.front() == c; }
  bool is_word() const { return kind == Kind::word; }
};

// RFC 5322, 3.2.3.
constexpr bool is_special(char c) {
  return c == '.' || c == '@' || c == '<' || c == '>' || c == ',' || c == '"' || c == '(' ||
         c == ')' || c == '[' || c == ']' || c == ':' || c == ';' || c == '\\';
}
// And whatever is not ASCII (RFC 6532, 3.2). A table, since every octet of every address is asked.
constexpr auto atext = [] {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const char c = static_cast<char>(i);
    table[i] = !is_ascii(c) || (is_printable(c) && c != ' ' && !is_special(c));
  }
  return table;
}();
bool is_atext(char c) { return atext[static_cast<unsigned char>(c)]; }
bool is_white(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Reads one token after the other; comments and white space part them and are gone.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  // Nothing: the end.
  Parsed<std::optional<Token>> next() {
    if (const auto skipped = skip_comments(); !skipped) return skipped.error();
    if (at_ == text_.size()) return std::optional<Token>();
    const std::size_t begin = at_;
    const char c = text_[at_];
    if (c == '"') return delimited('"', Token::Kind::word, "quotes are not closed");
    if (c == '[') return delimited(']', Token::Kind::literal, "an address literal does not end");
    if (is_special(c)) {
      if (c == ')' || c == ']' || c == '\\') return SyntaxError{"an address has a stray character"};
      ++at_;
      return token(begin, Token::Kind::special);
    }
    while (at_ < text_.size() && is_atext(text_[at_])) ++at_;
    if (at_ == begin) return SyntaxError{"an address has a control character"};
    return token(begin, Token::Kind::word);
  }

 private:
  std::optional<Token> token(std::size_t begin, Token::Kind kind) const {
    return Token{kind, text_.substr(begin, at_ - begin), at_};
  }

  Parsed<std::optional<Token>> delimited(char close, Token::Kind kind, const char* unclosed) {
    const std::size_t begin = at_;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == close) {
        ++at_;
        return token(begin, kind);
      }
      if (text_[at_] == '\\') ++at_;
    }
    return SyntaxError{unclosed};
  }

  Parsed<bool> skip_comments() {
    std::size_t depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '(') {
        ++depth;
      } else if (depth > 0 && c == ')') {
        --depth;
      } else if (depth > 0 && c == '\\') {
        ++at_;
      } else if (depth == 0 && !is_white(c)) {
        return true;
      }
    }
    at_ = text_.size();
    if (depth > 0) return SyntaxError{"a comment in an address list is not closed"};
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// `local-part[@domain]`. Dots may stand where they please, as in real mail; two words side by side are no address.
Parsed<ListedAddress> address_of(std::span<const Token> tokens) {
  ListedAddress address;
  bool is_behind_word = false;
  bool has_literal = false;
  std::size_t words = 0;
  for (const Token& token : tokens) {
    const bool is_at = token.is('@');
    const bool is_dot = token.is('.');
    if (is_at ? address.has_domain || words == 0 : !is_dot && is_behind_word) {
      return SyntaxError{"an address is not written local-part@domain"};
    }
    if (!is_at && !is_dot && !token.is_word() && !address.has_domain) {
      return SyntaxError{"an address has a stray character"};
    }
    if (has_literal) return SyntaxError{"behind an address literal comes something else"};
    has_literal = token.kind == Token::Kind::literal;
    if (is_at) {
      address.has_domain = true;
      words = 0;
    }
    is_behind_word = !is_at && !is_dot;
    if (is_behind_word) ++words;
    std::ranges::copy_if(token.text, std::back_inserter(address.text),
                         [](char c) { return c != '\r' && c != '\n'; });
    address.end = token.end;
  }
  if (words == 0) return SyntaxError{"an address is empty"};
  return address;
}

class Parser {
 public:
  explicit Parser(std::string_view value) : tokens_(value) {}

  Parsed<std::vector<ListedAddress>> parse() {
    while (true) {
      auto token = tokens_.next();
      if (!token) return token.error();
      const auto error = *token ? take(**token) : end_element();
      if (error) return *error;
      if (!*token) break;
    }
    if (state_ == State::angle) return SyntaxError{"an angle bracket is not closed"};
    if (is_in_group_) return SyntaxError{"a group of addresses does not end with ;"};
    return std::move(addresses_);
  }

 private:
  enum class State : std::uint8_t { open, angle, behind_angle };

  std::optional<SyntaxError> take(const Token& token) {
    if (state_ == State::angle) {
      if (token.is('>')) return end_angle();
      if (token.is('<')) return SyntaxError{"angle brackets are nested"};
      element_.push_back(token);
      return std::nullopt;
    }
    if (token.is(',')) {
      const auto error = end_element();
      if (!error && !addresses_.empty() && addresses_.back().next == 0)
        addresses_.back().next = token.end;
      return error;
    }
    if (token.is(';')) {
      is_in_group_ = false;
      return end_element();
    }
    if (state_ == State::behind_angle) return SyntaxError{"behind an angle bracket comes no comma"};
    if (token.is('<')) {
      state_ = State::angle;
      name_ = std::exchange(element_, {});
      return std::nullopt;
    }
    if (token.is('>')) return SyntaxError{"an angle bracket was not opened"};
    if (token.is(':')) return begin_group();
    element_.push_back(token);
    return std::nullopt;
  }

  std::optional<SyntaxError> begin_group() {
    const bool is_name = !element_.empty() && std::ranges::all_of(element_, [](const Token& token) {
      return token.is_word() || token.is('.');
    });
    if (!is_name || is_in_group_) return SyntaxError{"an address list has a stray colon"};
    is_in_group_ = true;
    element_.clear();
    return std::nullopt;
  }

  std::optional<SyntaxError> end_angle() {
    state_ = State::behind_angle;
    if (const auto error = add()) return error;
    ListedAddress& address = addresses_.back();
    if (std::ranges::any_of(name_, [](const Token& token) { return token.is('@'); })) {
      const auto named = address_of(name_);
      address.has_rival = !named || !equals_ignoring_case(named->text, address.text);
    }
    return std::nullopt;
  }

  std::optional<SyntaxError> end_element() {
    if (state_ == State::angle) return SyntaxError{"an angle bracket is not closed"};
    if (std::exchange(state_, State::open) == State::behind_angle || element_.empty())
      return std::nullopt;
    return add();
  }

  std::optional<SyntaxError> add() {
    auto address = address_of(element_);
    element_.clear();
    if (!address) return address.error();
    if (addresses_.size() == max_listed_addresses)
      return SyntaxError{"too many addresses in one field"};
    addresses_.push_back(std::move(*address));
    return std::nullopt;
  }

  Tokens tokens_;
  State state_ = State::open;
  bool is_in_group_ = false;
  std::vector<Token> element_;  // of the element so far, or within its angle brackets
  std::vector<Token> name_;     // in front of them
  std::vector<ListedAddress> addresses_;
};

}  // namespace

Parsed<std::vector<ListedAddress>> parse_address_list(std::string_view value) {
  return Parser(value).parse();
}

std::string qualify(std::string_view value, const std::vector<ListedAddress>& addresses,
                    std::string_view domain) {
  std::string qualified;
  std::size_t copied = 0;
  for (const ListedAddress& address : addresses) {
    // Half of an encoded word that its author did not encode enough (RFC 2047, 5): no name of anybody.
    if (address.has_domain || address.text.starts_with("=?")) continue;
    qualified.append(value, copied, address.end - copied).append("@").append(domain);
    copied = address.end;
  }
  return qualified.append(value, copied);
}

std::string spread(std::string_view value, const std::vector<ListedAddress>& addresses) {
  std::string spread;
  std::size_t copied = 0;
  for (const ListedAddress& address : addresses) {
    if (address.next == 0) continue;
    spread.append(value, copied, address.next - copied);
    copied = address.next;
    if (copied < value.size() && !is_white(value[copied])) spread += ' ';
  }
  return spread.append(value, copied);
}

}  // namespace postern::mail
