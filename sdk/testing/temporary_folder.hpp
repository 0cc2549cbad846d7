// SPDX-License-Identifier: Apache-2.0
// temporary_folder: a folder of a test's own that is gone afterwards with all that is in it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace scst::testing {

class temporary_folder {
  public:
    temporary_folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "scst-test-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw std::runtime_error{"no temporary folder"};
        path_ = pattern;
    }
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    temporary_folder(const temporary_folder &) = delete;
    temporary_folder &operator=(const temporary_folder &) = delete;

    [[nodiscard]] const std::string &path() const noexcept { return path_; }
    [[nodiscard]] std::string file(const std::string &name) const { return path_ + "/" + name; }
    // A sparse file of this size.
    std::string make(const std::string &name, std::uint64_t size) const {
        const std::string path = file(name);
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(size)) != 0)
            throw std::runtime_error{"can't make " + path};
        ::close(fd);
        return path;
    }
    void write(const std::string &name, const std::string &text) const {
        std::ofstream{file(name), std::ios::binary} << text;
    }
    [[nodiscard]] std::string read(const std::string &name) const {
        std::ostringstream text;
        text << std::ifstream{file(name), std::ios::binary}.rdbuf();
        return text.str();
    }
    [[nodiscard]] bool exists(const std::string &name) const { return std::filesystem::exists(file(name)); }

  private:
    std::string path_;
};

} // namespace scst::testing
