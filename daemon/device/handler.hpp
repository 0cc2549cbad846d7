// SPDX-License-Identifier: Apache-2.0
// handler: a registered device handler: the core's copy of a plugin's table and the devices made with it. Owned by the
// core; the table never changes while it is registered, so any thread may read it.
#pragma once

#include <scst/handler.h>

#include <set>
#include <string>
#include <vector>

namespace scstd::plugin {
class plugin;
}

namespace scstd::device {

class handler {
  public:
    handler(plugin::plugin *from, const scst_handler &table, void *self)
        : plugin_{from}, table_{table}, name_{table.name}, self_{self} {}
    handler(const handler &) = delete;
    handler &operator=(const handler &) = delete;

    [[nodiscard]] plugin::plugin *from() const noexcept { return plugin_; }
    [[nodiscard]] const scst_handler &table() const noexcept { return table_; }
    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] void *self() const noexcept { return self_; }
    [[nodiscard]] bool nonblocking() const noexcept { return (table_.flags & SCST_HANDLER_NONBLOCKING) != 0; }
    [[nodiscard]] bool parallel() const noexcept { return (table_.flags & SCST_HANDLER_PARALLEL) != 0; }

    std::set<std::string> device_names; // management thread

  private:
    plugin::plugin *plugin_;
    scst_handler table_;
    std::string name_;
    void *self_;
};

} // namespace scstd::device
