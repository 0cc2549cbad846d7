// SPDX-License-Identifier: Apache-2.0
// replay_main: runs a fuzz target without libFuzzer, as an ordinary test: the files and folders named on the command
// line, then mutations of them and of an empty input. The same inputs come in each run; SCST_FUZZ_RUNS says how many
// (default 3000).
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

namespace {

using bytes = std::vector<std::uint8_t>;

// xorshift64*: the same numbers everywhere.
class random_numbers {
  public:
    std::uint64_t next() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1dULL;
    }
    std::size_t below(std::size_t limit) noexcept { return static_cast<std::size_t>(next() % limit); }

  private:
    std::uint64_t state_ = 0x9e3779b97f4a7c15ULL;
};

void add_file(std::vector<bytes> &corpus, const std::filesystem::path &path) {
    std::ifstream file{path, std::ios::binary};
    corpus.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
}

bytes mutated(bytes input, const std::vector<bytes> &corpus, random_numbers &random) {
    const std::size_t changes = 1 + random.below(8);
    for (std::size_t i = 0; i < changes; ++i) {
        const std::size_t at = input.empty() ? 0 : random.below(input.size());
        switch (random.below(6)) {
        case 0: // a bit
            if (!input.empty())
                input[at] = static_cast<std::uint8_t>(input[at] ^ (1u << random.below(8)));
            break;
        case 1: // a byte of the kind that matters
            if (!input.empty()) {
                constexpr std::uint8_t special[] = {0, 1, 0x7f, 0x80, 0xff, 0x30};
                input[at] = special[random.below(std::size(special))];
            }
            break;
        case 2: // new bytes at the end
            for (std::size_t n = random.below(200); n != 0; --n)
                input.push_back(static_cast<std::uint8_t>(random.next()));
            break;
        case 3: // a piece less
            if (!input.empty())
                input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                            input.begin() + static_cast<std::ptrdiff_t>(at + random.below(input.size() - at) / 2));
            break;
        case 4: { // a piece of another input
            const bytes &other = corpus[random.below(corpus.size())];
            if (!other.empty()) {
                const std::size_t from = random.below(other.size());
                const std::size_t length = random.below(other.size() - from);
                input.insert(input.begin() + static_cast<std::ptrdiff_t>(at),
                             other.begin() + static_cast<std::ptrdiff_t>(from),
                             other.begin() + static_cast<std::ptrdiff_t>(from + length));
            }
            break;
        }
        default: // a random byte
            if (!input.empty())
                input[at] = static_cast<std::uint8_t>(random.next());
            break;
        }
    }
    constexpr std::size_t most = 20000;
    if (input.size() > most)
        input.resize(most);
    return input;
}

} // namespace

int main(int argc, char **argv) {
    std::vector<bytes> corpus(1);
    for (int i = 1; i < argc; ++i) {
        if (!std::filesystem::is_directory(argv[i])) {
            add_file(corpus, argv[i]);
            continue;
        }
        for (const auto &entry : std::filesystem::directory_iterator{argv[i]})
            add_file(corpus, entry.path());
    }
    for (const bytes &input : corpus)
        LLVMFuzzerTestOneInput(input.data(), input.size());
    const char *wanted = std::getenv("SCST_FUZZ_RUNS");
    const unsigned long runs = wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : 3000;
    random_numbers random;
    for (unsigned long run = 0; run < runs; ++run) {
        const bytes input = mutated(corpus[random.below(corpus.size())], corpus, random);
        LLVMFuzzerTestOneInput(input.data(), input.size());
        if (!input.empty() && corpus.size() < 64 && random.below(16) == 0)
            corpus.push_back(input); // mutations of mutations
    }
    std::printf("%zu inputs and %lu mutations survived\n", corpus.size(), runs);
    return 0;
}
