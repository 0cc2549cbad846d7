// SPDX-License-Identifier: Apache-2.0
// See saved_pages.hpp.
#include "saved_pages.hpp"

#include <scst/text.hpp>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace scst::vdisk {
namespace {

constexpr std::size_t max_file_size = 4096;

// One label of the file and the field it stands for.
struct field {
    std::string_view label;
    std::uint64_t maximum;
    std::uint64_t (*get)(const mode_state &);
    void (*set)(mode_state &, std::uint64_t);
};

constexpr std::array<field, 8> fields{{
    {"TAS", 1, [](const mode_state &s) -> std::uint64_t { return s.tas; },
     [](mode_state &s, std::uint64_t v) { s.tas = v != 0; }},
    {"QERR", 3, [](const mode_state &s) -> std::uint64_t { return s.qerr; },
     [](mode_state &s, std::uint64_t v) { s.qerr = static_cast<std::uint8_t>(v); }},
    {"TMF_ONLY", 1, [](const mode_state &s) -> std::uint64_t { return s.tmf_only; },
     [](mode_state &s, std::uint64_t v) { s.tmf_only = v != 0; }},
    {"SWP", 1, [](const mode_state &s) -> std::uint64_t { return s.swp; },
     [](mode_state &s, std::uint64_t v) { s.swp = v != 0; }},
    {"D_SENSE", 1, [](const mode_state &s) -> std::uint64_t { return s.d_sense; },
     [](mode_state &s, std::uint64_t v) { s.d_sense = v != 0; }},
    {"DPICZ", 1, [](const mode_state &s) -> std::uint64_t { return s.dpicz; },
     [](mode_state &s, std::uint64_t v) { s.dpicz = v != 0; }},
    {"QUEUE_ALG", 1, [](const mode_state &s) -> std::uint64_t { return s.queue_algorithm; },
     [](mode_state &s, std::uint64_t v) { s.queue_algorithm = static_cast<std::uint8_t>(v); }},
    {"WRITE_THROUGH", 1, [](const mode_state &s) -> std::uint64_t { return s.write_through; },
     [](mode_state &s, std::uint64_t v) { s.write_through = v != 0; }},
}};

// A descriptor that closes itself.
class file {
  public:
    explicit file(int fd) noexcept : fd_{fd} {}
    ~file() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    file(const file &) = delete;
    file &operator=(const file &) = delete;
    [[nodiscard]] int fd() const noexcept { return fd_; }

  private:
    int fd_;
};

int write_all(int fd, std::string_view text) noexcept {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

int sync_directory(const std::string &path) noexcept {
    const file directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.fd() < 0)
        return errno;
    return ::fsync(directory.fd()) == 0 ? 0 : errno;
}

int replace_file(const std::string &directory, const std::string &name, std::string_view text) {
    const std::string path = directory + "/" + name;
    const std::string temporary = path + ".new";
    {
        const file out{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
        if (out.fd() < 0)
            return errno;
        if (const int error = write_all(out.fd(), text); error != 0)
            return error;
        if (::fsync(out.fd()) != 0)
            return errno;
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0)
        return errno;
    return sync_directory(directory);
}

bool parse_line(std::string_view line, mode_state &state) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos)
        return false;
    const auto label = line.substr(0, equals);
    for (const field &known : fields) {
        if (known.label != label)
            continue;
        std::uint64_t value = 0;
        if (parse_unsigned_in(trim(line.substr(equals + 1)), 0, known.maximum, value) != 0)
            return false;
        if (known.label == "QERR" && value == 2) // reserved in the Control mode page
            return false;
        known.set(state, value);
        return true;
    }
    return false;
}

} // namespace

std::string render_pages(std::string_view device, const mode_state &state, const mode_state &defaults) {
    std::string lines;
    for (const field &one : fields) {
        if (one.get(state) != one.get(defaults))
            lines += std::string{one.label} + "=" + std::to_string(one.get(state)) + "\n";
    }
    return lines.empty() ? lines : std::string{device} + "\n" + lines;
}

bool parse_pages(std::string_view text, std::string_view device, mode_state &state) {
    mode_state parsed = state;
    bool first = true;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos)
            return false; // the last line was not written whole
        const auto line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (first ? line != device : !line.empty() && !parse_line(line, parsed))
            return false;
        first = false;
    }
    if (first)
        return false;
    state = parsed;
    return true;
}

saved_pages::saved_pages(std::string state_dir, std::string device) : device_{std::move(device)} {
    if (state_dir.empty())
        return;
    std::string directory = std::move(state_dir) + "/vdev_mode_pages";
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
        return;
    struct ::stat status {};
    if (::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && ::access(directory.c_str(), W_OK) == 0)
        directory_ = std::move(directory);
}

bool saved_pages::load_file(const std::string &path, mode_state &state, bool &exists) const {
    const file in{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    exists = in.fd() >= 0 || errno != ENOENT;
    if (in.fd() < 0)
        return false;
    std::array<char, max_file_size> text{};
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(in.fd(), text.data() + size, text.size() - size);
        if (got < 0)
            return false;
        if (got == 0)
            return parse_pages({text.data(), size}, device_, state);
        size += static_cast<std::size_t>(got);
    }
    return false;
}

saved_pages::outcome saved_pages::load(mode_state &state, std::string &note) const {
    if (!available())
        return outcome::none;
    bool damaged = false;
    for (const char *suffix : {"", "1"}) {
        const std::string path = directory_ + "/" + device_ + suffix;
        bool exists = false;
        if (load_file(path, state, exists))
            return damaged ? outcome::damaged : outcome::loaded;
        if (exists) {
            damaged = true;
            const std::string aside = path + ".damaged";
            const bool moved = ::rename(path.c_str(), aside.c_str()) == 0;
            note += (note.empty() ? "" : "; ") + path + (moved ? " is damaged, kept as " + aside : " is damaged");
        }
    }
    return damaged ? outcome::damaged : outcome::none;
}

int saved_pages::save(const mode_state &state, const mode_state &defaults) const {
    if (!available())
        return ENOENT;
    const std::string text = render_pages(device_, state, defaults);
    const std::string backup = directory_ + "/" + device_ + "1";
    if (!text.empty()) {
        if (const int error = replace_file(directory_, device_, text); error != 0)
            return error;
    } else if (::unlink((directory_ + "/" + device_).c_str()) != 0 && errno != ENOENT) {
        return errno;
    }
    if (::unlink(backup.c_str()) != 0 && errno != ENOENT)
        return errno;
    return sync_directory(directory_);
}

} // namespace scst::vdisk
