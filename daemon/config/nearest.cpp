// SPDX-License-Identifier: Apache-2.0
// nearest: see nearest.hpp. Levenshtein's distance over two rows.
#include "config/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace scstd::config {

namespace {

constexpr std::size_t longest = 128; // what is longer is no typing error

std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < left.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < right.size(); ++j) {
            const std::size_t change = diagonal + (left[i] == right[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

} // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
    if (word.size() > longest)
        return {};
    std::size_t best = word.size() / 3 + 2;
    std::string found;
    for (const auto &candidate : candidates) {
        if (candidate.size() > longest)
            continue;
        const std::size_t far = distance(word, candidate);
        if (far < best) {
            best = far;
            found = candidate;
        }
    }
    return found;
}

std::string suggestion(std::string_view word, std::span<const std::string> candidates) {
    const std::string found = nearest(word, candidates);
    return found.empty() ? std::string{} : "; did you mean '" + found + "'?";
}

} // namespace scstd::config
