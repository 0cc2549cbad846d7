// SPDX-License-Identifier: Apache-2.0
// syntax: lexer and parser of scst.conf. See syntax.hpp.
#include "mgmt/scst_conf/syntax.hpp"

#include <fmt/format.h>

namespace scstd::mgmt::scst_conf {

namespace {

constexpr std::size_t max_words = 3;
constexpr std::size_t max_depth = 16; // SCST's deepest is 4

enum class token_kind : std::uint8_t { word, open, close, end_of_line, end_of_file };

struct token {
    token_kind kind = token_kind::end_of_file;
    position at;
    std::string text;
};

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

class lexer {
  public:
    lexer(std::string_view text, std::vector<diagnostic> &errors) : rest_{text}, errors_{errors} {}

    token next();
    void error(position at, std::string text) {
        if (errors_.size() < max_errors)
            errors_.push_back({at, std::move(text)});
    }

  private:
    [[nodiscard]] bool at_end() const { return at_ >= rest_.size(); }
    [[nodiscard]] char peek() const { return rest_[at_]; }
    [[nodiscard]] position here() const { return {line_, static_cast<std::uint32_t>(at_ - line_start_ + 1)}; }
    void skip_line() {
        while (!at_end() && peek() != '\n')
            ++at_;
    }
    void comment();
    token structure(token_kind kind);
    token end_of_line();
    token bare_word();
    token quoted_word();
    bool escaped(std::string &into);

    std::string_view rest_;
    std::vector<diagnostic> &errors_;
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    std::uint32_t line_ = 1;
};

token lexer::next() {
    while (!at_end()) {
        const char c = peek();
        if (c == '#')
            comment();
        else if (is_blank(c))
            ++at_;
        else if (c == '\n')
            return end_of_line();
        else if (c == '{')
            return structure(token_kind::open);
        else if (c == '}')
            return structure(token_kind::close);
        else
            return c == '"' ? quoted_word() : bare_word();
    }
    return {token_kind::end_of_file, here(), {}};
}

// SCST removes the character before a '#' with the comment: harmless when that is a blank.
void lexer::comment() {
    if (at_ > line_start_ && !is_blank(rest_[at_ - 1]))
        error(here(), "a '#' right behind other text: SCST would cut off the character before it; put a blank before a "
                      "comment, or write \\#");
    skip_line();
}

token lexer::structure(token_kind kind) {
    token found{kind, here(), {}};
    ++at_;
    return found;
}

token lexer::end_of_line() {
    token found{token_kind::end_of_line, here(), {}};
    ++at_;
    ++line_;
    line_start_ = at_;
    return found;
}

// The character behind a backslash. False at the end of the line.
bool lexer::escaped(std::string &into) {
    const auto at = here();
    ++at_;
    if (at_end() || peek() == '\n' || peek() == '\r') {
        error(at, "a backslash at the end of a line: there is no continuation of lines");
        return false;
    }
    into += peek();
    ++at_;
    return true;
}

token lexer::bare_word() {
    token found{token_kind::word, here(), {}};
    while (!at_end()) {
        const char c = peek();
        if (is_blank(c) || c == '\n' || c == '{' || c == '}' || c == '#')
            break;
        if (c == '\\') {
            if (!escaped(found.text))
                break;
            continue;
        }
        if (c == '"') {
            error(here(), "a '\"' inside a word: quote the whole word, or write \\\"");
            skip_line();
            break;
        }
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
            error(here(), fmt::format("a control character {:#04x}", static_cast<unsigned char>(c)));
            skip_line();
            break;
        }
        found.text += c;
        ++at_;
    }
    return found;
}

token lexer::quoted_word() {
    token found{token_kind::word, here(), {}};
    ++at_;
    while (!at_end() && peek() != '\n') {
        const char c = peek();
        if (c == '"') {
            ++at_;
            if (!at_end() && !is_blank(peek()) && peek() != '\n' && peek() != '{' && peek() != '}' && peek() != '#')
                error(here(), "text right behind a closing '\"': put a blank between");
            return found;
        }
        if (c == '\\') {
            if (!escaped(found.text))
                break;
            continue;
        }
        if (c == '#' || c == '{' || c == '}') {
            error(here(), fmt::format("a '{}' inside quotes has its meaning all the same: write \\{}", c, c));
            skip_line();
            return found;
        }
        if (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\r') {
            error(here(), fmt::format("a control character {:#04x}", static_cast<unsigned char>(c)));
            skip_line();
            return found;
        }
        found.text += c;
        ++at_;
    }
    error(found.at, "a '\"' that is not closed on its line");
    return found;
}

class parser {
  public:
    parser(std::string_view text, std::vector<diagnostic> &errors) : lexer_{text, errors} {}

    std::vector<statement> run() {
        auto statements = block(nullptr, 0);
        return statements;
    }

  private:
    std::vector<statement> block(const position *opened, std::size_t depth);
    void finish(std::vector<statement> &into, statement &pending) {
        if (!pending.words.empty())
            into.push_back(std::move(pending));
        pending = {};
    }
    void add_word(statement &pending, token &found) {
        if (pending.words.size() == max_words)
            lexer_.error(found.at, fmt::format("'{}' is one word too many: quote a value that has blanks", found.text));
        if (pending.words.size() <= max_words)
            pending.words.push_back({std::move(found.text), found.at});
    }
    void open(std::vector<statement> &into, statement &pending, const token &brace, std::size_t depth);

    lexer lexer_;
    bool ended_ = false;
};

void parser::open(std::vector<statement> &into, statement &pending, const token &brace, std::size_t depth) {
    if (depth == max_depth) {
        lexer_.error(brace.at, "blocks are nested too deeply");
        ended_ = true;
        return;
    }
    const bool headless = pending.words.empty();
    if (headless)
        lexer_.error(brace.at, "a '{' must stand on the line of what it belongs to");
    pending.has_block = true;
    pending.block = block(&brace.at, depth + 1);
    if (!headless)
        into.push_back(std::move(pending));
    pending = {};
}

std::vector<statement> parser::block(const position *opened, std::size_t depth) {
    std::vector<statement> statements;
    statement pending;
    while (!ended_) {
        token found = lexer_.next();
        switch (found.kind) {
        case token_kind::word:
            add_word(pending, found);
            break;
        case token_kind::end_of_line:
            finish(statements, pending);
            break;
        case token_kind::open:
            open(statements, pending, found, depth);
            break;
        case token_kind::close:
            if (!pending.words.empty())
                lexer_.error(pending.at(), "text before a '}' on the same line, which SCST would drop: put the '}' on "
                                           "a line of its own");
            if (opened != nullptr)
                return statements;
            lexer_.error(found.at, "a '}' without a '{'");
            pending = {};
            break;
        case token_kind::end_of_file:
            finish(statements, pending);
            if (opened != nullptr)
                lexer_.error(*opened, "a '{' that is never closed");
            ended_ = true;
            break;
        }
    }
    return statements;
}

} // namespace

std::string format(const diagnostic &found, std::string_view file) {
    if (found.at.line == 0)
        return fmt::format("{}: {}", file, found.text);
    return fmt::format("{}:{}:{}: {}", file, found.at.line, found.at.column, found.text);
}

std::vector<statement> parse(std::string_view text, std::vector<diagnostic> &errors) {
    if (text.size() > max_file_size) {
        errors.push_back({{}, fmt::format("longer than {} MiB", max_file_size >> 20)});
        return {};
    }
    return parser{text, errors}.run();
}

std::string quoted(std::string_view value) {
    std::string written;
    bool blanks = value.empty();
    for (const char c : value) {
        blanks = blanks || is_blank(c);
        if (c == '\\' || c == '#' || c == '"' || c == '{' || c == '}')
            written += '\\';
        written += c;
    }
    return blanks ? '"' + written + '"' : written;
}

} // namespace scstd::mgmt::scst_conf
