// SPDX-License-Identifier: Apache-2.0
// control_methods: the methods of the control protocol (docs/control-protocol.md): one line of JSON in, one out. What
// is asked and changed is the management tree; nothing is configurable here that is not there. Management thread only.
#pragma once

#include "mgmt/scst_conf/configuration.hpp"
#include "mgmt/tree.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace scstd::plugin {
class loader;
}

namespace scstd::mgmt {

class control_methods {
  public:
    // `plugins` may be null: then there are none to be listed, loaded or unloaded.
    control_methods(tree &of, plugin::loader *plugins);

    // The answer to a request, without a newline. Never throws, whatever the request is.
    [[nodiscard]] std::string answer(std::string_view request);

    [[nodiscard]] tree &nodes() noexcept { return tree_; }
    [[nodiscard]] plugin::loader *plugins() noexcept { return plugins_; }
    [[nodiscard]] scst_conf::configuration &config() noexcept { return config_; }
    [[nodiscard]] std::uint64_t started_ms() const noexcept { return started_ms_; }

  private:
    tree &tree_;
    plugin::loader *plugins_;
    scst_conf::configuration config_;
    std::uint64_t started_ms_;
};

} // namespace scstd::mgmt
